import { checkName } from "../internal/validate.ts";
import { purge } from "./maintenance.ts";
import { ON, VERSION } from "./records.ts";
import { endpointOf, readTargetStats, type TargetStatsOptions } from "./target_stats.ts";
import type { OutboxOperations } from "./types.ts";

/** Where something is stored for every target that ever received anything. */
const TRACES = ["count", "due", "lane", "dead", "delivery"];
/** Characters of a reason that is given by hand: it is stored, and published in an event. */
const MAX_REASON = 500;

/** Dependencies of `targetOperations`. */
type TargetOperationsOptions = TargetStatsOptions & {
  /** Something may be deliverable now by this process. */
  readonly wake: () => void;
};

/** Returns the operations that describe targets, and turn them on and off. */
export function targetOperations(
  options: TargetOperationsOptions,
): Pick<OutboxOperations, "endpoint" | "enable" | "disable" | "remove" | "stats"> {
  const { client, states, wake } = options;
  return {
    async endpoint(target) {
      checkName("Cannot describe target", target);
      return endpointOf(target, await states.describe(target));
    },
    async enable(target) {
      await checkExists("enable", target, options);
      await states.change(target, (record) => {
        if (record.state === "deleted") throw removed("enable", target);
        return ON;
      });
      wake();
    },
    async disable(target, reason = "it was turned off by hand") {
      if (typeof reason !== "string") {
        throw new TypeError("Cannot disable target: 'reason' must be a string");
      }
      if (reason.length > MAX_REASON) {
        throw new RangeError(
          `Cannot disable target: 'reason' must be at most ${MAX_REASON} characters, got ${reason.length}`,
        );
      }
      await checkExists("disable", target, options);
      await states.change(target, (record) => {
        if (record.state === "deleted") throw removed("disable", target);
        const isOff = record.state === "off" && record.address === undefined;
        return isOff ? undefined : { v: VERSION, state: "off", failures: 0, reason };
      });
    },
    async remove(target) {
      await checkExists("remove", target, options);
      await states.change(
        target,
        ({ state }) =>
          state === "deleted" ? undefined : { v: VERSION, state: "deleted", failures: 0 },
      );
      await purge(client, target);
    },
    stats: () => readTargetStats(options, { countsLeases: true }),
  };
}

/** Throws for a name that was never a target: it is probably mistyped. */
async function checkExists(
  operation: string,
  target: string,
  { client, targets, states }: TargetOperationsOptions,
): Promise<void> {
  const subject = `Cannot ${operation} target`;
  checkName(subject, target);
  if (targets.get(target) || (await states.describe(target)).record !== ON) return;
  for (const range of TRACES) {
    const prefix = client.keys.below(range, target);
    if ((await client.list({ prefix }, { limit: 1 })).length > 0) return;
  }
  throw new TypeError(`${subject}: there is no target '${target}'`);
}

function removed(operation: string, target: string): TypeError {
  return new TypeError(
    `Cannot ${operation} target '${target}': it was removed for good. Use another name`,
  );
}
