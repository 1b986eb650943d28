import type { HookEvent } from "../core/mod.ts";
import { isEventId } from "../core/event_rules.ts";
import { checkKnown } from "../internal/options.ts";
import type { StoreEntry, StoreKey } from "../store/mod.ts";
import type { EventListOptions, Page, StoredEvent } from "./operation_types.ts";
import {
  checkFilter,
  checkOneOf,
  type EventFilter,
  findItems,
  isInTime,
  type ListName,
  matches,
  MAX_PAGE,
  pageFor,
  readCursor,
  readLimit,
  timesOf,
  writeCursor,
} from "./pagination.ts";
import { beforeIdsAt, type Keys, readEventRecord } from "./records.ts";
import { after, endOf, type Range, type StoreClient } from "./store_client.ts";

/** Entries that are read for a page of events: with a filter that few events match, the page is short. */
const MAX_EVENTS_READ = 1000;
const EVENT_OPTIONS = "type sessionId runId since until order limit cursor".split(" ");

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
  return await findEvents(client, subject, options, { name: [], accepts: () => true });
}

/** A filter of events besides their type, session, run and time. */
type MoreFilter = {
  /** What it is in cursors. */
  readonly name: ListName;
  readonly accepts: (event: HookEvent) => boolean;
  /** Reads the entries of a range that may pass. @default all of them */
  readonly scan?: StoreClient["scan"];
};

/** Lists accepted events that pass another filter too. */
export async function findEvents(
  client: StoreClient,
  subject: string,
  options: EventListOptions,
  filter: MoreFilter,
): Promise<Page<StoredEvent>> {
  const { order = "newest", cursor, type = "*", sessionId, runId } = options;
  checkFilter(subject, options);
  checkOneOf(subject, "order", order, ["newest", "oldest"]);
  const limit = readLimit(subject, options.limit);
  const session = sessionId ?? "";
  const run = runId === undefined ? [] : [runId]; // at the end, so that earlier cursors stay valid
  const list: ListName = [
    "events",
    order,
    type,
    session,
    ...timesOf(options),
    ...run,
    ...filter.name,
  ];
  const isPosition = (position: StoreKey): boolean =>
    position.length === 1 && typeof position[0] === "string";
  const [position] = readCursor(subject, cursor, list, isPosition) ?? [];
  const reverse = order === "newest";
  const range = rangeFor(client.keys, options, reverse, position as string | undefined);
  const { scan = client.scan.bind(client) } = filter;
  const entries = scan(range, { reverse, page: pageFor(limit), maxPage: MAX_PAGE });
  const most = MAX_EVENTS_READ;
  const { items, last } = await findItems(entries, { limit, most }, async (entry) => {
    const id = String(entry.key[2]);
    const stored = isInTime(id, options) ? await storedEvent(client, id, entry) : undefined;
    const isWanted = stored !== undefined && matches(type, stored.event.type) &&
      (sessionId === undefined || stored.event.sessionId === sessionId) &&
      (runId === undefined || stored.event.runId === runId) && filter.accepts(stored.event);
    return isWanted ? stored : undefined;
  });
  return last === undefined ? { items } : { items, cursor: writeCursor(list, last.slice(2)) };
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
