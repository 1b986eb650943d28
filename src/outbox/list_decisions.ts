import type { GateDecidedData, HookEvent } from "../core/mod.ts";
import { checkKnown } from "../internal/options.ts";
import type { StoreEntry, StoreKey } from "../store/mod.ts";
import { mayInclude, OUTCOMES, toolPart } from "./decision_index.ts";
import { findEvents } from "./list_events.ts";
import type { DecisionListOptions, Page, StoredEvent } from "./operation_types.ts";
import { checkOneOf, checkText } from "./pagination.ts";
import { beforeIdsAt } from "./records.ts";
import { after, endOf, type Range, type ScanOptions, type StoreClient } from "./store_client.ts";
import { indexedSince } from "./version.ts";

const OPTIONS = "outcome gate name callId sessionId runId since until order limit cursor".split(
  " ",
);

/** The most groups that a list merges, and the most reads to find them. Beyond that, it reads all events. */
const MAX_GROUPS = 200;
const MAX_READS = 500;
/** Entries of a group that are read at once, at least: they are small. */
const MIN_PAGE = 10;

/** The filters that can use the index. */
type DecisionFilter = Pick<DecisionListOptions, "outcome" | "gate" | "name">;

/** Lists decisions: see `OutboxOperations`. */
export async function listDecisions(
  client: StoreClient,
  options: DecisionListOptions = {},
): Promise<Page<StoredEvent>> {
  const subject = "Cannot list decisions";
  checkKnown(subject, options, OPTIONS, { session: "sessionId", call: "callId", tool: "name" });
  const { outcome, gate, name, callId, ...rest } = options;
  if (outcome !== undefined) checkOneOf(subject, "outcome", outcome, OUTCOMES);
  for (const [option, text] of Object.entries({ gate, name, callId })) {
    checkText(subject, option, text);
  }
  const accepts = ({ data }: HookEvent): boolean => {
    const decided = data as GateDecidedData;
    return (outcome === undefined || decided.outcome === outcome) &&
      (name === undefined || decided.name === name) &&
      (callId === undefined || decided.call_id === callId) &&
      (gate === undefined || (decided.gates ?? []).some((one) => one.name === gate));
  };
  return await findEvents(client, subject, { ...rest, type: "gate.decided" }, {
    name: ["decisions", outcome, gate, name, callId],
    accepts,
    scan: (range, options) => scanDecisions(client, { outcome, gate, name }, range, options),
  });
}

/** Reads decisions from the index, and those older than the index from all events. */
async function* scanDecisions(
  client: StoreClient,
  filter: DecisionFilter,
  range: Range,
  { reverse = false, page = 1, maxPage }: ScanOptions = {},
): AsyncGenerator<StoreEntry, void> {
  const options = { reverse, page, maxPage };
  const since = await indexedSince(client);
  const groups = since === Infinity ? undefined : await findGroups(client, filter);
  if (groups === undefined) return yield* client.scan(range, options);
  if (since === 0) return yield* scanGroups(client, groups, range, options);
  const { start, end } = range;
  const split = client.keys.event(beforeIdsAt(new Date(since)));
  const isAfter = ([, , id]: StoreKey): boolean =>
    id === undefined || String(id) > String(split[2]);
  const older = { start, end: isAfter(end) ? split : end };
  const newer = { start: isAfter(start) ? start : split, end };
  if (reverse && isAfter(end)) yield* scanGroups(client, groups, newer, options);
  if (!isAfter(start)) yield* client.scan(older, options);
  if (!reverse && isAfter(end)) yield* scanGroups(client, groups, newer, options);
}

/**
 * Returns the groups of the index that may have decisions matching a filter. Undefined if there are too
 * many.
 */
async function findGroups(
  client: StoreClient,
  { outcome, gate, name }: DecisionFilter,
): Promise<readonly (readonly string[])[] | undefined> {
  const wanted: readonly { readonly only?: string | undefined; accepts?(part: string): boolean }[] =
    [
      { only: outcome },
      { accepts: (gates) => gate === undefined || mayInclude(gates, gate) },
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
async function* scanGroups(
  client: StoreClient,
  groups: readonly (readonly string[])[],
  { start, end }: Range,
  { reverse = false, page = 1 }: ScanOptions,
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
