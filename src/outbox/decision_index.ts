/**
 * The index of decisions: a key for each `gate.decided`, grouped by what filters by outcome, gate, and tool
 * can tell apart. A list reads only the groups that it needs, no matter how many events lie between.
 *
 * @module
 */
import type { GateDecidedData, WireEvent } from "../core/mod.ts";
import { sha256HexOf } from "../internal/sha256.ts";
import { NAME_PATTERN } from "../internal/validate.ts";
import type { StoreEntry, StoreKey } from "../store/mod.ts";
import type { DecisionListOptions } from "./list_types.ts";
import { after, endOf, type Range, type ScanOptions, type StoreClient } from "./store_client.ts";

/** The filters that can use the index. */
export type DecisionFilter = Pick<DecisionListOptions, "outcome" | "gate" | "name">;

/** Outcomes, as in filters and in keys. */
export const OUTCOMES: readonly string[] = ["allowed", "denied", "asked", "error"];

/** The maximum size of a part of a key, in bytes. A longer part is stored as its digest. */
const MAX_PART = 256;

/** Printable ASCII, which sorts the same everywhere and takes a byte per character. */
const PRINTABLE = /^[ -~]*$/;

/** The first character of a digest. No printable text begins with it. */
const DIGEST = "\u0001";

/** Separates the names of gates, none of which contains it. */
const SEPARATOR = ",";

/** The most groups that a list merges, and the most reads to find them. Beyond that, it reads all events. */
const MAX_GROUPS = 200;
const MAX_READS = 500;

/** Entries of a group that are read at once, at least: they are small. */
const MIN_PAGE = 10;

/** Returns the group of an event in the index; undefined for one that is no decision. */
export function decisionGroup({ type, data }: WireEvent): readonly string[] | undefined {
  if (type !== "gate.decided") return undefined;
  const { outcome = "", gates, name } = Object(data) as Partial<GateDecidedData>;
  return [OUTCOMES.includes(outcome) ? outcome : "", gatesPart(gates), toolPart(name)];
}

function gatesPart(gates: unknown): string {
  const names = Array.isArray(gates) ? gates.map((gate) => Object(gate).name) : [];
  const text = [...new Set(names)].sort().join(SEPARATOR);
  const isNamed = names.every((name) => typeof name === "string" && NAME_PATTERN.test(name));
  return isNamed && text.length <= MAX_PART ? text : DIGEST + sha256HexOf(text);
}

function toolPart(name: unknown): string {
  if (typeof name !== "string") return "";
  return PRINTABLE.test(name) && name.length <= MAX_PART ? name : DIGEST + sha256HexOf(name);
}

/**
 * Returns the groups that may have decisions matching a filter: a digest doesn't tell which gates it stands for.
 * Undefined if there are too many.
 */
export async function findGroups(
  client: StoreClient,
  { outcome, gate, name }: DecisionFilter,
): Promise<readonly (readonly string[])[] | undefined> {
  const wanted: readonly { readonly only?: string | undefined; accepts?(part: string): boolean }[] =
    [
      { only: outcome },
      {
        accepts: (gates) =>
          gate === undefined || gates.startsWith(DIGEST) || gates.split(SEPARATOR).includes(gate),
      },
      { only: name === undefined ? undefined : toolPart(name) },
    ];
  let groups: readonly (readonly string[])[] = [[]];
  let reads = 0;
  for (const { only, accepts = () => true } of wanted) {
    const next: (readonly string[])[] = [];
    for (const group of groups) {
      if (only !== undefined) {
        next.push([...group, only]);
        continue;
      }
      const all = client.keys.below("decided", ...group);
      let start = after(all);
      for (;;) {
        if (++reads > MAX_READS) return undefined;
        const [entry] = await client.list({ start, end: endOf(all) }, { limit: 1 });
        if (entry === undefined) break;
        const part = String(entry.key[2 + group.length]);
        if (accepts(part)) next.push([...group, part]);
        if (next.length > MAX_GROUPS) return undefined;
        start = endOf(client.keys.below("decided", ...group, part));
      }
    }
    groups = next;
  }
  return groups;
}

/** Reads the events of some groups within a range, in the order of their ids. */
export async function* scanGroups(
  client: StoreClient,
  groups: readonly (readonly string[])[],
  { start, end }: Range,
  { reverse, page }: Required<ScanOptions>,
): AsyncGenerator<StoreEntry, void> {
  const { keys } = client;
  const size = Math.max(MIN_PAGE, Math.ceil(page / Math.max(1, groups.length)));
  const streams = groups.map((group) => {
    const below = keys.below("decided", ...group);
    const ofGroup = (key: StoreKey): StoreKey =>
      key.length > 2 ? [...below, ...key.slice(2)] : endOf(below);
    return client.scan({ start: ofGroup(start), end: ofGroup(end) }, { reverse, page: size });
  });
  let events: StoreKey[] = [];
  for await (const id of mergeIds(streams, reverse)) {
    events.push(keys.event(id));
    if (events.length < page) continue;
    yield* await client.get(events);
    events = [];
  }
  yield* await client.get(events);
}

/** Merges streams of keys, each sorted by the id that its keys end with. */
async function* mergeIds(
  streams: readonly AsyncGenerator<StoreEntry, void>[],
  reverse: boolean,
): AsyncGenerator<string, void> {
  const next = async (stream: AsyncGenerator<StoreEntry, void>) => {
    const { value } = await stream.next();
    return value && { id: String(value.key.at(-1)), stream };
  };
  const heads = await Promise.all(streams.map(next));
  for (;;) {
    let first = -1;
    for (const [n, head] of heads.entries()) {
      if (head === undefined) continue;
      const best = heads[first];
      if (best === undefined || (reverse ? head.id > best.id : head.id < best.id)) first = n;
    }
    const head = heads[first];
    if (head === undefined) return;
    yield head.id;
    heads[first] = await next(head.stream);
  }
}
