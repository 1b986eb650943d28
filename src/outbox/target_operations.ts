import { checkName } from "../internal/validate.ts";
import { purge } from "./maintenance.ts";
import { type Count, dayIn, ON, readDue, VERSION } from "./records.ts";
import { after, endOf, type StoreClient } from "./store_client.ts";
import type { TargetStates } from "./target_state.ts";
import type { Targets, TargetStatus } from "./targets.ts";
import type { Endpoint, OutboxOperations, TargetStats } from "./types.ts";

/** Where something is stored for every target that ever received anything. */
const TRACES = ["count", "due", "lane", "dead", "delivery"];
/** Characters of a reason that is given by hand: it is stored, and published in an event. */
const MAX_REASON = 500;
/** Counts that are read at once: they are small. */
const COUNTS_PAGE = 500;
/** Due keys of a target that are searched for leases: what is leased was due first. */
const MAX_LEASES = 500;

/** Dependencies of `targetOperations`. */
export type TargetOperationsOptions = {
  readonly client: StoreClient;
  readonly targets: Targets;
  readonly states: TargetStates;
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
    stats: () => readStats(options),
  };
}

function endpointOf(
  target: string,
  { state, record, registered }: TargetStatus & { readonly registered: boolean },
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

type Counts = Record<Count, number>;

/** Reads the statistics of every target that is registered or has deliveries, from its counts. */
async function readStats(options: TargetOperationsOptions): Promise<readonly TargetStats[]> {
  const { client, targets, states } = options;
  const counted = await readCounts(client);
  for (const name of targets.names) if (!counted.has(name)) counted.set(name, noCounts());
  const names = [...counted.keys()].sort();
  const stats = await Promise.all(names.map(async (name) => {
    const counts = counted.get(name)!;
    const { accepted, delivered, dead, expired } = counts;
    return {
      ...endpointOf(name, await states.describe(name)),
      ...counts,
      // They are not read at one moment: what was settled meanwhile may not be counted as accepted.
      pending: Math.max(0, accepted - delivered - dead - expired),
      inFlight: targets.get(name)?.slots.attempting ?? 0,
      ...await readLeases(client, name),
    };
  }));
  return stats.filter(({ registered, state, accepted }) =>
    registered || (accepted > 0 && state !== "deleted")
  );
}

/** Reads how many deliveries of a target are leased, and until when. */
async function readLeases(
  client: StoreClient,
  target: string,
): Promise<Pick<TargetStats, "leased" | "leasedUntil">> {
  const prefix = client.keys.below("due", target);
  const entries = await client.list({ prefix }, { limit: MAX_LEASES });
  const now = client.clock.now();
  const ends = entries.flatMap(({ value }) => {
    const due = readDue(value);
    return due !== "newer" && due.until > now ? [due.until] : [];
  });
  return {
    leased: ends.length,
    ...(ends.length > 0 ? { leasedUntil: new Date(Math.max(...ends)) } : {}),
  };
}

/** Sums up each target's days within the retention, and what has no day. */
async function readCounts(client: StoreClient): Promise<Map<string, Counts>> {
  const { keys, clock, retention } = client;
  const oldest = dayIn(clock.now() - retention.head);
  const all = keys.below("count");
  const counted = new Map<string, Counts>();
  const range = { start: after(all), end: endOf(all) };
  for await (const { key, value } of client.scan(range, { page: COUNTS_PAGE })) {
    const [, , target, day, what] = key as [string, string, string, number, Count];
    if (typeof value !== "bigint" || (day < oldest && day !== 0)) continue;
    const counts = counted.get(target) ?? noCounts();
    counted.set(target, counts);
    // One that a replay undid after a wrong clock had deleted it is below zero, and wrapped around.
    counts[what] += Math.max(0, Number(BigInt.asIntN(64, value)));
  }
  return counted;
}

function noCounts(): Counts {
  return { accepted: 0, delivered: 0, dead: 0, expired: 0, failed: 0 };
}
