import type { GateDecidedData, HookEvent } from "../core/mod.ts";
import { isEventId } from "../core/event_rules.ts";
import { checkKnown } from "../internal/options.ts";
import { checkOneOf, checkText } from "../internal/validate.ts";
import type { StoreEntry, StoreKey } from "../store/mod.ts";
import { mayInclude, OUTCOMES, toolPart } from "./decision_index.ts";
import type {
  DecisionListOptions,
  EventListOptions,
  Page,
  StoredEvent,
} from "./operation_types.ts";
import {
  type EventFilter,
  isInTime,
  type ListName,
  matches,
  MAX_PAGE,
  readCursor,
  readOrder,
  readPage,
  timesOf,
} from "./pagination.ts";
import { beforeIdsAt, type Keys, readEventRecord } from "./records.ts";
import { after, endOf, type Range, type ScanOptions, type StoreClient } from "./store_client.ts";
import { indexedSince } from "./store_version.ts";

const EVENT_OPTIONS = "type sessionId runId since until order limit cursor".split(" ");
const DECISION_OPTIONS = "outcome gate name callId sessionId runId since until order limit cursor"
  .split(" ");

/** Entries that are read for a page of events: with a filter that few events match, the page is short. */
const MAX_EVENTS_READ = 1000;
/** The most groups that a list merges, and the most reads to find them. Beyond that, it reads all events. */
const MAX_GROUPS = 200;
const MAX_READS = 500;
/** Entries of a group that are read at once, at least: they are small. */
const MIN_PAGE = 10;

/** Returns an accepted event. */
export async function getEvent(client: StoreClient, id: string): Promise<StoredEvent | undefined> {
  if (!isEventId(id)) return undefined;
  const [entry] = await client.get([client.keys.event(id)]);
  return await storedEvent(client, id, entry!);
}

/** Lists accepted events. */
export async function listEvents(
  client: StoreClient,
  options: EventListOptions = {},
): Promise<Page<StoredEvent>> {
  const subject = "Cannot list events";
  const renamed = { session: "sessionId", run: "runId", after: "since", before: "until" };
  checkKnown(subject, options, EVENT_OPTIONS, renamed);
  return await findEvents(client, subject, options);
}

/** Lists decisions: see `OutboxOperations`. */
export async function listDecisions(
  client: StoreClient,
  options: DecisionListOptions = {},
): Promise<Page<StoredEvent>> {
  const subject = "Cannot list decisions";
  const renamed = { session: "sessionId", call: "callId", tool: "name" };
  checkKnown(subject, options, DECISION_OPTIONS, renamed);
  const { outcome, gate, name, callId, ...rest } = options;
  if (outcome !== undefined) checkOneOf(subject, "outcome", outcome, OUTCOMES);
  for (const [option, text] of Object.entries({ gate, name, callId })) {
    if (text !== undefined) checkText(subject, option, text);
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

/** A filter of events besides their type, session, run and time. */
type MoreFilter = {
  /** Its name in cursors. */
  readonly name?: ListName;
  readonly accepts?: (event: HookEvent) => boolean;
  /** Reads the entries of a range that may pass. @default all of them */
  readonly scan?: (range: Range, options: ScanOptions) => AsyncIterable<StoreEntry>;
};

async function findEvents(
  client: StoreClient,
  subject: string,
  options: EventListOptions,
  { name = [], accepts = () => true, scan = client.scan.bind(client) }: MoreFilter = {},
): Promise<Page<StoredEvent>> {
  const { cursor, type = "*", sessionId, runId } = options;
  const { limit, reverse, page } = readOrder(subject, options, "newest");
  const order = reverse ? "newest" : "oldest";
  const run = runId === undefined ? [] : [runId]; // after the times, so that earlier cursors stay valid
  const list = ["events", order, type, sessionId ?? "", ...timesOf(options), ...run, ...name];
  const isPosition = (position: StoreKey): boolean =>
    position.length === 1 && typeof position[0] === "string";
  const [position] = readCursor(subject, cursor, list, isPosition) ?? [];
  const range = rangeFor(client.keys, options, reverse, position as string | undefined);
  const entries = scan(range, { reverse, page, maxPage: MAX_PAGE });
  return await readPage(entries, { list, limit, most: MAX_EVENTS_READ, skip: 2 }, async (entry) => {
    const id = String(entry.key[2]);
    const stored = isInTime(id, options) ? await storedEvent(client, id, entry) : undefined;
    const isWanted = stored !== undefined && matches(type, stored.event.type) &&
      (sessionId === undefined || stored.event.sessionId === sessionId) &&
      (runId === undefined || stored.event.runId === runId) && accepts(stored.event);
    return isWanted ? stored : undefined;
  });
}

/** Returns the event of an entry; undefined when there is none that this version can read. */
async function storedEvent(
  client: StoreClient,
  id: string,
  { value, versionstamp }: StoreEntry,
): Promise<StoredEvent | undefined> {
  const record = readEventRecord(value);
  if (record === undefined || versionstamp === null) return undefined;
  const event = await client.readEvent(id, record);
  if (typeof event === "string") return undefined;
  return { versionstamp, event, acceptedAt: new Date(record.at), targets: record.to };
}

/** Returns the range of ids between the times of a filter, and after a position. */
function rangeFor(
  keys: Keys,
  { since, until }: EventFilter,
  reverse: boolean,
  position: string | undefined,
): Range {
  let start = keys.event(since ? beforeIdsAt(since) : "");
  let end = until ? keys.event(beforeIdsAt(until)) : endOf(keys.below("event"));
  if (position !== undefined && reverse) end = keys.event(position);
  if (position !== undefined && !reverse) start = after(keys.event(position));
  // Nothing is between a `since` and an earlier `until`.
  const isEmpty = end.length > 2 && String(start[2]) >= String(end[2]);
  return { start, end: isEmpty ? start : end };
}

/** The filters that can use the index. */
type DecisionFilter = Pick<DecisionListOptions, "outcome" | "gate" | "name">;

/** Reads decisions from the index, and those older than the index from all events. */
async function* scanDecisions(
  client: StoreClient,
  filter: DecisionFilter,
  { start, end }: Range,
  options: ScanOptions,
): AsyncGenerator<StoreEntry, void> {
  const since = await indexedSince(client);
  const groups = since === Infinity ? undefined : await findGroups(client, filter);
  if (groups === undefined) return yield* client.scan({ start, end }, options);
  const split = client.keys.event(since === 0 ? "" : beforeIdsAt(new Date(since)));
  const isAfter = ([, , id]: StoreKey): boolean =>
    id === undefined || String(id) > String(split[2]);
  const older = { start, end: isAfter(end) ? split : end };
  const newer = { start: isAfter(start) ? start : split, end };
  if (options.reverse && isAfter(end)) yield* scanGroups(client, groups, newer, options);
  if (since > 0 && !isAfter(start)) yield* client.scan(older, options);
  if (!options.reverse && isAfter(end)) yield* scanGroups(client, groups, newer, options);
}

type Group = readonly string[];

/** Returns the groups of the index that may have decisions matching a filter; undefined: too many. */
async function findGroups(
  client: StoreClient,
  { outcome, gate, name }: DecisionFilter,
): Promise<readonly Group[] | undefined> {
  const parts: readonly { readonly only?: string | undefined; accepts?(part: string): boolean }[] =
    [
      { only: outcome },
      { accepts: (gates) => gate === undefined || mayInclude(gates, gate) },
      { only: name === undefined ? undefined : toolPart(name) },
    ];
  let groups: readonly Group[] = [[]];
  let reads = 0;
  for (const { only, accepts = () => true } of parts) {
    const next: Group[] = [];
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
  groups: readonly Group[],
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
