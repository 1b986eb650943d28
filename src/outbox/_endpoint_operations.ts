import { checkName } from "../internal/validate.ts";
import type { Store } from "../store/mod.ts";
import { ON, type Standing } from "./_endpoint_record.ts";
import type { Endpoints } from "./_endpoints.ts";
import type { Env } from "./_env.ts";
import type { Keys } from "./_keys.ts";
import { VERSION } from "./_records.ts";
import { purge } from "./_removal.ts";
import { readList } from "./_scan.ts";
import type { Targets } from "./_targets.ts";
import type { Endpoint, OutboxOperations } from "./operations.ts";

/** Ranges in which something is stored for every target that ever got anything. */
const TRACES = ["count", "due", "lane", "dead", "delivery"];

/** Characters of a reason that is given by hand: it is kept, and told in an event. */
const LONGEST_REASON = 500;

/** What the operations on endpoints work with. */
export type EndpointOperationsOptions = {
  readonly store: Store;
  readonly keys: Keys;
  readonly env: Env;
  readonly targets: Targets;
  readonly endpoints: Endpoints;
  /** Something may be deliverable now. */
  readonly wake: () => void;
};

/** Turns targets on and off, by hand. */
export function endpointOperations(
  options: EndpointOperationsOptions,
): Pick<OutboxOperations, "endpoint" | "enable" | "disable" | "remove"> {
  const { store, keys, env, endpoints, wake } = options;
  return {
    async endpoint(target) {
      checkName("Cannot describe a target", target);
      return endpointOf(target, await endpoints.describe(target));
    },
    async enable(target) {
      await checkKnown("enable", target, options);
      await endpoints.change(target, (record) => {
        if (record.state === "deleted") throw removed("enable", target);
        return ON;
      });
      wake();
    },
    async disable(target, reason = "it was turned off by hand") {
      if (typeof reason !== "string") {
        throw new TypeError("Cannot disable as 'reason' must be text");
      }
      if (reason.length > LONGEST_REASON) {
        throw new RangeError(
          `Cannot disable as 'reason' must have at most ${LONGEST_REASON} characters: ` +
            `current value has ${reason.length}`,
        );
      }
      await checkKnown("disable", target, options);
      await endpoints.change(target, (record) => {
        if (record.state === "deleted") throw removed("disable", target);
        const isOff = record.state === "off" && record.address === undefined;
        return isOff ? undefined : { v: VERSION, state: "off", failures: 0, reason };
      });
    },
    async remove(target) {
      await checkKnown("remove", target, options);
      await endpoints.change(
        target,
        ({ state }) =>
          state === "deleted" ? undefined : { v: VERSION, state: "deleted", failures: 0 },
      );
      await purge(store, keys, env, target);
    },
  };
}

/** An endpoint as it is shown. */
export function endpointOf(
  target: string,
  { state, record, registered }: Standing & { readonly registered: boolean },
): Endpoint {
  const { failingSince, failures, pausedUntil, reason } = record;
  return {
    target,
    state,
    registered,
    failures,
    ...(failingSince === undefined ? {} : { failingSince: new Date(failingSince) }),
    ...(state === "paused" ? { pausedUntil: new Date(pausedUntil!) } : {}),
    ...(state === "off" && reason !== undefined ? { reason } : {}),
  };
}

/** A name that was mistyped is no target. */
async function checkKnown(
  what: string,
  target: string,
  { store, keys, env, targets, endpoints }: EndpointOperationsOptions,
): Promise<void> {
  const subject = `Cannot ${what} a target`;
  checkName(subject, target);
  if (targets.get(target) || (await endpoints.describe(target)).record !== ON) return;
  for (const range of TRACES) {
    const traces = { prefix: keys.below(range, target) };
    if ((await readList({ store, env }, traces, { limit: 1 })).length > 0) return;
  }
  throw new TypeError(`${subject} as none is named '${target}'`);
}

function removed(what: string, target: string): TypeError {
  return new TypeError(
    `Cannot ${what} '${target}' as it was removed: that is for good, so use another name`,
  );
}
