import { type Count, dayIn, type Keys } from "./_keys.ts";
import type { Retention } from "./_records.ts";
import { leaseOf } from "./_list_deliveries.ts";
import { after, endOf, readList, scan, type Source } from "./_scan.ts";
import type { Targets } from "./_targets.ts";
import type { Endpoint, TargetStats } from "./operations.ts";

/** Counts that are read at once: they are small. */
const BATCH = 500;
/** Due keys of a target that are looked at for leases: those that are leased were due first. */
const MOST_LEASES = 500;

/** What figures are made from. */
export type FiguresSource = Source & {
  readonly keys: Keys;
  readonly retention: Retention;
  readonly targets: Targets;
  /** Whether a target gets anything. */
  readonly endpoint: (target: string) => Promise<Endpoint>;
};

type Counts = Record<Count, number>;

/** The figures of every target that is registered or has deliveries: from its counts, five for each day. */
export async function readFigures(source: FiguresSource): Promise<readonly TargetStats[]> {
  const { targets, endpoint } = source;
  const counted = await readCounts(source);
  for (const name of targets.names) if (!counted.has(name)) counted.set(name, noCounts());
  const names = [...counted.keys()].sort();
  const figures = await Promise.all(names.map(async (name) => {
    const { accepted, delivered, dead, expired, failed } = counted.get(name)!;
    // They are not read at one moment: what was settled in between may not be counted as accepted.
    const pending = atLeastZero(accepted - delivered - dead - expired);
    const inFlight = targets.get(name)?.attempting ?? 0;
    return {
      ...await endpoint(name),
      ...{ accepted, delivered, dead, expired, pending, failed, inFlight },
      ...await readLeases(source, name),
    };
  }));
  return figures.filter(({ registered, state, accepted }) =>
    registered || (accepted > 0 && state !== "deleted")
  );
}

/** How many deliveries of a target are leased, and until when. */
async function readLeases(
  source: FiguresSource,
  target: string,
): Promise<Pick<TargetStats, "leased" | "leasedUntil">> {
  const prefix = source.keys.below("due", target);
  const entries = await readList(source, { prefix }, { limit: MOST_LEASES });
  const now = source.env.now();
  const ends = entries.flatMap(({ value }) => leaseOf(value, now).leasedUntil?.getTime() ?? []);
  return {
    leased: ends.length,
    ...(ends.length > 0 ? { leasedUntil: new Date(Math.max(...ends)) } : {}),
  };
}

/** The sums of each target's days within the retention, and of what has no day. */
async function readCounts(source: FiguresSource): Promise<Map<string, Counts>> {
  const { keys, env, retention } = source;
  const oldest = dayIn(env.now() - retention.head);
  const all = keys.below("count");
  const counted = new Map<string, Counts>();
  for await (
    const { key, value } of scan(source, { start: after(all), end: endOf(all) }, { batch: BATCH })
  ) {
    const [, , target, day, what] = key as [string, string, string, number, Count];
    if (typeof value !== "bigint" || (day < oldest && day !== 0)) continue;
    const counts = counted.get(target) ?? noCounts();
    counted.set(target, counts);
    // One that a replay undid after a wrong clock had deleted it is below zero, and wrapped around.
    counts[what] += atLeastZero(Number(BigInt.asIntN(64, value)));
  }
  return counted;
}

function atLeastZero(count: number): number {
  return Math.max(0, count);
}

function noCounts(): Counts {
  return { accepted: 0, delivered: 0, dead: 0, expired: 0, failed: 0 };
}
