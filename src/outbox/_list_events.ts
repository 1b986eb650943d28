import { checkKnown } from "../internal/options.ts";
import { isEventId } from "../core/event_rules.ts";
import type { StoreEntry } from "../store/mod.ts";
import { type ListName, readCursor, writeCursor } from "./_cursor.ts";
import { beforeIdsAt } from "./_event_time.ts";
import type { Keys } from "./_keys.ts";
import {
  checkFilter,
  checkOneOf,
  type EventFilter,
  isInTime,
  limitFrom,
  matches,
} from "./_list_options.ts";
import { readEvent } from "./_reader.ts";
import { type EventHead, VERSION } from "./_records.ts";
import {
  after,
  batchFor,
  endOf,
  findItems,
  type Range,
  readMany,
  scan,
  type Source,
} from "./_scan.ts";
import type { EventListOptions, Page, StoredEvent } from "./lists.ts";

/** Events that are read for one page, at most: a filter that fits few of them gives a short page. */
const MOST_READ = 1000;

/** Every option of a list. */
const KNOWN: readonly string[] = [
  ...["type", "sessionId", "since", "until", "order", "limit", "cursor"],
];

/** What events are listed from. */
export type EventSource = Source & { readonly keys: Keys };

/** An accepted event. */
export async function getEvent(source: EventSource, id: string): Promise<StoredEvent | undefined> {
  if (!isEventId(id)) return undefined;
  const [head] = await readMany(source, [source.keys.event(id)]);
  return await storedEvent(source, id, head!);
}

/** Accepted events. */
export async function listEvents(
  source: EventSource,
  options: EventListOptions = {},
): Promise<Page<StoredEvent>> {
  const subject = "Cannot list events";
  checkKnown(subject, options, KNOWN, { session: "sessionId", after: "since", before: "until" });
  const { order = "newest", cursor } = options;
  checkFilter(subject, options);
  checkOneOf(subject, "order", order, ["newest", "oldest"]);
  const limit = limitFrom(subject, options.limit);
  const list = nameOf(options, order);
  const place = readCursor(subject, cursor, list, isPlace);
  const reverse = order === "newest";
  const range = rangeFor(source.keys, options, reverse, place?.[0] as string | undefined);
  const entries = scan(source, range, { reverse, batch: batchFor(limit) });
  const { items, last } = await findItems(entries, { limit, most: MOST_READ }, async (entry) => {
    const id = String(entry.key[2]);
    if (!isInTime(id, options)) return undefined;
    const stored = await storedEvent(source, id, entry);
    return stored && isWanted(stored, options) ? stored : undefined;
  });
  return last === undefined ? { items } : { items, cursor: writeCursor(list, last.slice(2)) };
}

function isWanted({ event }: StoredEvent, { type = "*", sessionId }: EventFilter): boolean {
  return matches(type, event.type) && (sessionId === undefined || event.sessionId === sessionId);
}

/** The event of a head; undefined when there is none, or none that this version can read. */
async function storedEvent(
  { store, keys, env }: EventSource,
  id: string,
  { value, versionstamp }: StoreEntry,
): Promise<StoredEvent | undefined> {
  const head = headOf(value);
  if (head === undefined || versionstamp === null) return undefined;
  const event = await readEvent(store, keys, id, head, env);
  if (typeof event === "string") return undefined;
  return { versionstamp, event, acceptedAt: new Date(head.at), targets: head.to };
}

/** The head in a value; undefined when there is none that this version can read. */
export function headOf(value: unknown): EventHead | undefined {
  const head = value as EventHead | null | undefined;
  const whole = Array.isArray(head?.to) && typeof head.at === "number" && head.v <= VERSION;
  return whole ? head! : undefined;
}

/** The ids between the times of a filter, and after a place. */
function rangeFor(
  keys: Keys,
  { since, until }: EventFilter,
  reverse: boolean,
  place: string | undefined,
): Range {
  const range = {
    start: keys.event(since ? beforeIdsAt(since) : ""),
    end: until ? keys.event(beforeIdsAt(until)) : endOf(keys.below("event")),
  };
  if (place === undefined) return inOrder(range);
  return inOrder(
    reverse ? { ...range, end: keys.event(place) } : { ...range, start: after(keys.event(place)) },
  );
}

/** Nothing lies between a `since` and an earlier `until`. */
function inOrder({ start, end }: Range): Range {
  const [a, b] = [start[2], end[2]];
  return typeof b === "string" && String(a) >= b ? { start, end: start } : { start, end };
}

function isPlace(place: readonly unknown[]): boolean {
  return place.length === 1 && typeof place[0] === "string";
}

function nameOf({ type, sessionId, since, until }: EventFilter, order: string): ListName {
  const times = [since, until].map((time) => time?.getTime() ?? "");
  return ["events", order, type ?? "*", sessionId ?? "", ...times];
}
