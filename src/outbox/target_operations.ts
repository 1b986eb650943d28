import type { Measurement } from "../core/metrics.ts";
import { checkName } from "../internal/validate.ts";
import type { StoreEntry, StoreKey } from "../store/mod.ts";
import { CommitBuilder, utf8Bytes } from "./commit.ts";
import type { Endpoint, TargetStats } from "./operation_types.ts";
import {
  type Count,
  dayIn,
  ON,
  readDue,
  readTargetRecord,
  type TargetRecord,
  VERSION,
} from "./records.ts";
import { rangeBelow, type StoreClient } from "./store_client.ts";
import type { TargetStates } from "./target_state.ts";
import type { Targets, TargetStatus } from "./targets.ts";
import type { Outbox } from "./types.ts";

/** Prefixes of what is stored for every target that has received anything, except its due keys. */
const RANGES = ["lane", "dead", "delivery", "count"];
/** Characters of a reason that is given by hand: it is stored, and published in an event. */
const MAX_REASON = 500;
/** Counts, and records of targets, that are read at once: they are small. */
const PAGE = 500;
/** Targets whose due keys are read at the same time. */
const CONCURRENT_READS = 16;
/** Due keys of a target that are searched for leases. Later keys are leased only if one of these is. */
const LEASES = { first: 16, max: 500 };
/** Targets that are measured, so that the number of series is bounded. */
const MAX_TARGETS = 500;

/** The record of a removed target, which stays. */
const DELETED: TargetRecord = { v: VERSION, state: "deleted", failures: 0 };

/** Dependencies of the operations on targets. */
type TargetOperationsOptions = {
  readonly client: StoreClient;
  readonly targets: Targets;
  readonly states: TargetStates;
  /** Something may be deliverable now by this process. */
  readonly wake: () => void;
};

/** Returns the operations that describe targets, and turn them on and off. */
export function targetOperations(
  options: TargetOperationsOptions,
): Pick<Outbox, "endpoint" | "enable" | "disable" | "remove" | "stats" | "measure"> {
  const { client, states, wake } = options;
  return {
    async endpoint(target) {
      checkName("Cannot describe target", target);
      return endpointOf(target, await states.describe(target));
    },
    async enable(target) {
      await change("enable", target, options, () => ON);
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
      await change("disable", target, options, ({ state, address }) => {
        const isOff = state === "off" && address === undefined;
        return isOff ? undefined : { v: VERSION, state: "off", failures: 0, reason };
      });
    },
    async remove(target) {
      await checkExists("remove", target, options);
      await states.change(target, ({ state }) => state === "deleted" ? undefined : DELETED);
      await purge(client, target);
    },
    stats: () => readTargetStats(options, { countsLeases: true }),
    measure: () => measureTargets(options),
  };
}

/** Returns the current values of gauges for every target that isn't deleted: first those with a backlog. */
async function measureTargets(
  options: TargetOperationsOptions,
): Promise<readonly Measurement[]> {
  const stats = await readTargetStats(options, { countsLeases: false });
  const targets = stats.filter(({ state }) => state !== "deleted")
    .sort((a, b) => b.pending - a.pending).slice(0, MAX_TARGETS);
  const now = options.client.clock.now();
  return targets.flatMap(({ target, state, pending, dead, oldestDue }) => {
    const attributes = { target };
    const late = oldestDue === undefined ? 0 : Math.max(0, now - oldestDue.getTime()) / 1000;
    return [
      { name: "omniagent.hooks.backlog", value: pending, attributes },
      { name: "omniagent.hooks.backlog.age", value: late, attributes },
      { name: "omniagent.hooks.dead_letters", value: dead, attributes },
      { name: "omniagent.hooks.target.enabled", value: state === "off" ? 0 : 1, attributes },
    ];
  });
}

/** Changes the record of a target, unless it was removed. `edit` returns undefined for no change. */
async function change(
  operation: string,
  target: string,
  options: TargetOperationsOptions,
  edit: (record: TargetRecord) => TargetRecord | undefined,
): Promise<void> {
  await checkExists(operation, target, options);
  await options.states.change(target, (record) => {
    if (record.state !== "deleted") return edit(record);
    throw new TypeError(
      `Cannot ${operation} target '${target}': it was removed for good. Use another name`,
    );
  });
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
  for (const range of [...RANGES, "due"]) {
    const prefix = client.keys.below(range, target);
    if ((await client.list({ prefix }, { limit: 1 })).length > 0) return;
  }
  throw new TypeError(`${subject}: there is no target '${target}'`);
}

/** Maximum passes of a purge while new entries arrive. Entries that remain have due keys, which cause another. */
const ROUNDS = 10;
/** Keys of one commit, and their bytes: Deno KV takes 1,000 changes and 80 KiB of keys. */
const BATCH = { keys: 500, bytes: 60_000 };

/**
 * Deletes the data of a removed target. Deletes need no check: nothing under these keys is used again. Due
 * keys go last, because they cause another purge when this one is cut short. All of it is done twice at
 * least, because attempts may settle and events be accepted until then. A crash may leave a count behind,
 * which goes with its day.
 *
 * @throws {OutboxUnavailableError} when the store doesn't respond in time; it can be called again
 */
export async function purge(client: StoreClient, target: string): Promise<void> {
  for (let round = 1; round <= ROUNDS; round++) {
    for (const range of RANGES) await purgeRange(client, client.keys.below(range, target));
    const deleted = await purgeDue(client, target);
    if (round > 1 && deleted === 0) return; // nothing has come since the other ranges
  }
}

/** Deletes due keys, each after its session: a session that begins later has another due key. */
async function purgeDue(client: StoreClient, target: string): Promise<number> {
  for (let deleted = 0;;) {
    const batch = await nextBatch(client, client.keys.below("due", target));
    if (batch.length === 0) return deleted;
    for (const [, , , , , session] of batch) {
      if (session === undefined) continue;
      await purgeRange(client, client.keys.below("lane", target, session));
      await deleteKeys(client, [client.keys.below("lane", target, session)]);
    }
    await deleteKeys(client, batch);
    deleted += batch.length;
  }
}

async function purgeRange(client: StoreClient, prefix: StoreKey): Promise<void> {
  for (;;) {
    const batch = await nextBatch(client, prefix);
    if (batch.length === 0) return;
    await deleteKeys(client, batch);
  }
}

async function deleteKeys(client: StoreClient, keys: readonly StoreKey[]): Promise<void> {
  const builder = new CommitBuilder();
  for (const key of keys) builder.delete(key);
  await client.write(builder, "remove a target");
}

/** Returns the first keys below a prefix that fit one commit. */
async function nextBatch(client: StoreClient, prefix: StoreKey): Promise<readonly StoreKey[]> {
  const limit = Math.min(BATCH.keys, client.store.limits.mutations);
  const batch: StoreKey[] = [];
  let bytes = 0;
  for (const { key } of await client.list({ prefix }, { limit })) {
    bytes += utf8Bytes(JSON.stringify(key));
    if (batch.length > 0 && bytes > BATCH.bytes) break;
    batch.push(key);
  }
  return batch;
}

/** Returns a target's state for the caller. */
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

/**
 * Reads the statistics of every target that is registered or has deliveries, from its counts.
 * Without `countsLeases`, this is faster, and `leased` only says whether the first pending delivery is leased.
 */
async function readTargetStats(
  { client, targets, states }: TargetOperationsOptions,
  { countsLeases }: { readonly countsLeases: boolean },
): Promise<readonly TargetStats[]> {
  const [counted, records] = await Promise.all([readCounts(client), readRecords(client)]);
  for (const name of targets.names) if (!counted.has(name)) counted.set(name, noCounts());
  const all = await Promise.all([...counted].map(async ([name, counts]) => {
    const { accepted, delivered, dead, expired } = counts;
    return {
      ...endpointOf(name, await states.statusFrom(name, records.get(name) ?? ON)),
      ...counts,
      // The counts aren't one snapshot: what was settled during the read may not be counted as accepted.
      pending: Math.max(0, accepted - delivered - dead - expired),
      inFlight: targets.get(name)?.slots.running ?? 0,
      leased: 0,
    };
  }));
  const stats = all.filter(({ registered, state, accepted }) =>
    registered || (accepted > 0 && state !== "deleted")
  ).sort((a, b) => a.target < b.target ? -1 : 1);
  return await addDue(client, stats, countsLeases);
}

/** Adds the stats that come from the first due keys of targets. */
async function addDue(
  client: StoreClient,
  stats: readonly TargetStats[],
  countsLeases: boolean,
): Promise<readonly TargetStats[]> {
  const added = [...stats];
  const remaining = stats.entries();
  const read = async (): Promise<void> => {
    for (const [at, one] of remaining) {
      if (one.pending === 0 || one.state === "deleted") continue;
      added[at] = { ...one, ...await readDueOf(client, one.target, countsLeases) };
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT_READS }, read));
  return added;
}

/** Reads when the first delivery of a target is due, how many are leased, and until when. */
async function readDueOf(
  client: StoreClient,
  target: string,
  countsLeases: boolean,
): Promise<Pick<TargetStats, "oldestDue" | "leased" | "leasedUntil">> {
  const prefix = client.keys.below("due", target);
  const list = (limit: number) => client.list({ prefix }, { limit });
  const entries = await list(countsLeases ? LEASES.first : 1);
  const [first] = entries;
  let ends = leaseEnds(entries, client.clock.now());
  if (ends.length > 0 && entries.length === LEASES.first) {
    ends = leaseEnds(await list(LEASES.max), client.clock.now());
  }
  return {
    ...(first ? { oldestDue: new Date(Number(first.key[3])) } : {}),
    leased: ends.length,
    ...(ends.length > 0 ? { leasedUntil: new Date(Math.max(...ends)) } : {}),
  };
}

/** Returns when the leases of due keys end. */
function leaseEnds(entries: readonly StoreEntry[], now: number): readonly number[] {
  return entries.flatMap(({ value }) => {
    const due = readDue(value);
    return due !== "newer" && due.until > now ? [due.until] : [];
  });
}

type Counts = Record<Count, number>;

/** Sums up each target's days within the retention, and events without a day. */
async function readCounts(client: StoreClient): Promise<Map<string, Counts>> {
  const { keys, clock, retention } = client;
  const oldest = dayIn(clock.now() - retention.head);
  const counted = new Map<string, Counts>();
  const range = rangeBelow(keys.below("count"));
  for await (const { key, value } of client.scan(range, { page: PAGE })) {
    const [, , target, day, what] = key as [string, string, string, number, Count];
    if (typeof value !== "bigint" || (day < oldest && day !== 0)) continue;
    const counts = counted.get(target) ?? noCounts();
    counted.set(target, counts);
    // A count that a replay lowers after a wrong clock had it deleted is below zero: it wraps around.
    counts[what] += Math.max(0, Number(BigInt.asIntN(64, value)));
  }
  return counted;
}

function noCounts(): Counts {
  return { accepted: 0, delivered: 0, dead: 0, expired: 0, failed: 0 };
}

/** Reads the records of all targets that have one. */
async function readRecords(client: StoreClient): Promise<ReadonlyMap<string, TargetRecord>> {
  const records = new Map<string, TargetRecord>();
  const range = rangeBelow(client.keys.below("endpoint"));
  for await (const { key, value } of client.scan(range, { page: PAGE })) {
    records.set(String(key[2]), readTargetRecord(value));
  }
  return records;
}
