/**
 * Reads deliveries, target after target. Each target's are sorted by the ids of their events, and so by
 * time, unless they are pending. Across targets there is no such order, as every publish would have to store
 * it: in a time range, each target takes one or two small reads, of which several are made at the same time.
 *
 * @module
 */
import type { StoreEntry, StoreKey } from "../store/mod.ts";
import type { EventFilter } from "./pagination.ts";
import { beforeIdsAt, type Keys } from "./records.ts";
import { after, endOf, type Range, type ScanOptions, type StoreClient } from "./store_client.ts";

/** Parts of a range that are read ahead, at most: about as many as a database has connections. */
const MAX_AHEAD = 16;
/** Keys of other times that are read before a list can stop. */
const MAX_PASSED = 50;
/** Names that sort as text in the order of their keys, so that they can split a range. */
const PRINTABLE = /^[ -~]+$/;
/** Sorts after every id. */
const AFTER_IDS = "\u{10FFFF}";

/** Where deliveries are stored: pending ones, of sessions and others; those with a log; dead letters. */
export type DeliveryKind = "due" | "lane" | "delivery" | "dead";

/** Which deliveries are read. */
type DeliveryScan = ScanOptions & Pick<EventFilter, "since" | "until"> & {
  /** Read one after the other. */
  readonly kinds: readonly DeliveryKind[];
  /** The only target. */
  readonly target?: string | undefined;
  /** Names of targets that may have deliveries. The rest are found one after the other. */
  readonly names?: readonly string[];
  /** The key, without its prefix, where an earlier scan ended. */
  readonly position?: StoreKey | undefined;
};

/** A time range, as texts between which its ids sort, and the direction in which it is read. */
type Time = { readonly from: string; readonly to: string; readonly reverse: boolean };

/** The results of a few reads of a range. */
type Probe = {
  /** What isn't in the time range. */
  readonly passed: readonly StoreEntry[];
  /** A target's deliveries in the time range. */
  readonly found?: Range;
  /** What follows. */
  readonly rest?: Range;
};

/**
 * Scans deliveries. In a time range it also yields what is outside of it and was read, and keys without a
 * value: positions where the scan can continue, so a page that finds little can end.
 */
export async function* scanDeliveries(
  client: StoreClient,
  scan: DeliveryScan,
): AsyncGenerator<StoreEntry, void> {
  const { kinds, position, since, until, reverse = false } = scan;
  const from = since ? beforeIdsAt(since) : "";
  const time = { from, to: until ? beforeIdsAt(until) : AFTER_IDS, reverse };
  const first = position === undefined ? 0 : kinds.indexOf(position[0] as DeliveryKind);
  for (const [i, kind] of kinds.slice(first).entries()) {
    const range = rangeOf(client.keys, kind, i === 0 ? scan : { ...scan, position: undefined });
    // Pending deliveries are sorted by when they are due, so all of them have to be read.
    const isTimed = (since ?? until) !== undefined && (kind === "delivery" || kind === "dead");
    if (!isTimed) yield* client.scan(range, scan);
    else if (from < time.to) yield* scanTimes(client, range, time, scan);
  }
}

/** Returns the range of a kind, from a position on. */
function rangeOf(
  keys: Keys,
  kind: DeliveryKind,
  { target, reverse, position }: DeliveryScan,
): Range {
  const all = keys.below(...(target === undefined ? [kind] : [kind, target]));
  const from = position && keys.below(...position);
  return reverse
    ? { start: after(all), end: from ?? endOf(all) }
    : { start: after(from ?? all), end: endOf(all) };
}

async function* scanTimes(
  client: StoreClient,
  range: Range,
  time: Time,
  { target, names = [], ...options }: DeliveryScan,
): AsyncGenerator<StoreEntry, void> {
  if (target !== undefined) return yield* client.scan(clamp(range, time), options);
  const parts = split(client.keys, range, names, time);
  const probes: Promise<Probe>[] = [];
  let started = 0;
  let ahead = 1;
  try {
    for (const { next } of parts) {
      while (started < parts.length && probes.length < ahead) {
        const pending = probe(client, parts[started++]!.range, time);
        pending.catch(() => {}); // awaited below, unless one before it fails
        probes.push(pending);
      }
      let found = false;
      for (let one = await probes.shift()!;; one = await probe(client, one.rest, time)) {
        yield* one.passed;
        if (one.found) yield* client.scan(one.found, options);
        found ||= one.found !== undefined;
        if (one.rest === undefined) break;
      }
      // The page may be full soon if this target had some. If not, it takes many targets to fill it.
      ahead = found ? 1 : Math.min(ahead * 2, MAX_AHEAD);
      if (next !== undefined) yield { key: next, value: null, versionstamp: null };
    }
  } finally {
    await Promise.allSettled(probes);
  }
}

/** Reads the first keys of a range until one is in a time range. */
async function probe(client: StoreClient, range: Range, time: Time): Promise<Probe> {
  const { keys } = client;
  const { from, to, reverse } = time;
  const passed: StoreEntry[] = [];
  let { start, end } = range;
  while (passed.length < MAX_PASSED) {
    const [first] = await client.list({ start, end }, { limit: 1, reverse });
    if (first === undefined) return { passed };
    const [, kind, target, id] = first.key as [string, string, string, string];
    const all = keys.below(kind, target);
    const rest = reverse ? { start, end: all } : { start: endOf(all), end };
    const isTooOld = id < from;
    const isTooNew = id >= to;
    if (!isTooOld && !isTooNew) {
      const found = reverse
        ? { start: keys.below(kind, target, from), end: after(first.key) }
        : { start: first.key, end: keys.below(kind, target, to) };
      return { passed, found, rest };
    }
    passed.push(first);
    if (isTooOld && !reverse) start = keys.below(kind, target, from);
    else if (isTooNew && reverse) end = keys.below(kind, target, to);
    else ({ start, end } = rest);
  }
  return { passed, rest: { start, end } };
}

/** A part of a range, and the position where the one after it begins. */
type Part = { readonly range: Range; readonly next: StoreKey | undefined };

/**
 * Splits a range at targets, in the order in which it is read. A part that begins with a target skips what is
 * before the time range.
 */
function split(
  keys: Keys,
  { start, end }: Range,
  names: readonly string[],
  { from, to, reverse }: Time,
): readonly Part[] {
  const kind = String(start[1]);
  const isInside = (name: string): boolean =>
    reverse ? end.length === 2 || name < String(end[2]) : name > String(start[2]);
  const inside = names.filter((name) => PRINTABLE.test(name) && isInside(name)).sort();
  if (reverse) inside.reverse();
  const parts: Part[] = [];
  for (const name of inside) {
    const all = keys.below(kind, name);
    const next = keys.below(kind, name, reverse ? to : from);
    if (reverse) parts.push({ range: { start: endOf(all), end }, next });
    else parts.push({ range: { start, end: all }, next });
    if (reverse) end = keys.below(kind, name, to);
    else start = keys.below(kind, name, from);
  }
  parts.push({ range: { start, end }, next: undefined });
  return parts;
}

/** Returns the part of a range of one target that is in a time range. */
function clamp({ start, end }: Range, { from, to }: Time): Range {
  const [prefix, kind, target] = start as [string, string, string];
  const first = String(start[3] ?? "");
  const last = String(end[3] ?? to);
  return {
    start: first < from ? [prefix, kind, target, from] : start,
    end: last < to ? end : [prefix, kind, target, to],
  };
}

/** Returns a function that reads whether a target was removed. */
export function removalsIn(client: StoreClient): (target: string) => Promise<boolean> {
  const known = new Map<string, boolean>();
  return async (target) => {
    if (!known.has(target)) known.set(target, await client.isRemoved(target));
    return known.get(target)!;
  };
}
