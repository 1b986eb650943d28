import type { HookEvent } from "../core/mod.ts";
import { isEventId } from "../core/event_rules.ts";
import { checkKnown } from "../internal/options.ts";
import type { StoreEntry, StoreKey } from "../store/mod.ts";
import {
  canBeDelivery,
  checkFilter,
  checkOneOf,
  checkText,
  type EventFilter,
  findItems,
  isInTime,
  type ListName,
  matches,
  pageFor,
  readCursor,
  readLimit,
  timesOf,
  writeCursor,
} from "./pagination.ts";
import {
  beforeIdsAt,
  type DeadLetterRecord,
  type KeptAttempt,
  type Keys,
  readDue,
  readEventRecord,
  readLog,
  readTargetRecord,
  sessionOf,
} from "./records.ts";
import { after, endOf, type Range, type StoreClient } from "./store_client.ts";
import type {
  Delivery,
  DeliveryListOptions,
  DeliverySummary,
  EventListOptions,
  LoggedAttempt,
  Page,
  StoredEvent,
} from "./types.ts";

/** Entries that are read for a page of events: with a filter that few events match, the page is short. */
const MAX_EVENTS_READ = 1000;
/** Entries that are read for a page of deliveries besides its items. */
const MAX_DELIVERIES_SKIPPED = 1000;
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

/** Lists accepted events that pass another filter too, which has a name in cursors. */
export async function findEvents(
  client: StoreClient,
  subject: string,
  options: EventListOptions,
  filter: { readonly name: ListName; readonly accepts: (event: HookEvent) => boolean },
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
  const entries = client.scan(range, { reverse, page: pageFor(limit) });
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

/** Returns a delivery; undefined if there is none. */
export async function getDelivery(
  client: StoreClient,
  target: string,
  eventId: string,
): Promise<Delivery | undefined> {
  const { keys, clock } = client;
  if (!canBeDelivery(target, eventId)) return undefined;
  const [event, entry, status] = await client.get([
    keys.event(eventId),
    keys.delivery(target, eventId),
    keys.target(target),
  ]);
  if (readTargetRecord(status!.value).state === "deleted") return undefined;
  const record = readEventRecord(event!.value);
  const isLogged = entry!.value !== null;
  if (!isLogged && !record?.to.includes(target)) return undefined;
  const log = readLog(entry!.value);
  // What is pending when its event is gone, is never delivered.
  const state = log.state === "pending" && event!.value === null ? "expired" : log.state;
  // One that was never attempted is due at first; if ordered, it may wait behind another.
  const isOrdered = sessionOf(record, target) !== undefined;
  const at = log.at ?? (isLogged || isOrdered ? undefined : record?.at);
  const isDue = state === "pending" && at !== undefined && !isOrdered;
  const [due] = isDue ? await client.get([keys.due(target, at, eventId)]) : [];
  return {
    target,
    eventId,
    state,
    made: log.made,
    attempts: log.attempts.map(loggedAttempt),
    ...(state === "pending" && at !== undefined ? { dueAt: new Date(at) } : {}),
    ...leaseOf(due?.value, clock.now()),
  };
}

/** Where the deliveries of a state are stored, range after range. */
const RANGES = { pending: ["due", "lane"], attempted: ["delivery"], dead: ["dead"] } as const;

type Kind = typeof RANGES[keyof typeof RANGES][number];

/** The types of what follows kind and target in the keys of deliveries: strings and numbers. */
const FORMS: Readonly<Record<Kind, readonly string[]>> = {
  due: ["ns", "nss"],
  lane: ["s", "sn"],
  delivery: ["s"],
  dead: ["s"],
};

/** Lists deliveries. */
export async function listDeliveries(
  client: StoreClient,
  options: DeliveryListOptions = {} as DeliveryListOptions,
): Promise<Page<DeliverySummary>> {
  const subject = "Cannot list deliveries";
  checkKnown(subject, options, ["state", "target", "limit", "cursor", "order"]);
  const { state, target, cursor, order = "oldest" } = options;
  checkOneOf(subject, "state", state, Object.keys(RANGES));
  checkOneOf(subject, "order", order, ["newest", "oldest"]);
  checkText(subject, "target", target);
  const limit = readLimit(subject, options.limit);
  const reverse = order === "newest";
  const list: ListName = ["deliveries", state, target ?? "", ...(reverse ? [order] : [])];
  const kinds: readonly Kind[] = RANGES[state];
  const isPosition = ([kind, w, ...rest]: StoreKey): boolean => {
    const form = rest.map((part) => (typeof part)[0]).join("");
    return kinds.includes(kind as Kind) && typeof w === "string" && (target ?? w) === w &&
      FORMS[kind as Kind].includes(form);
  };
  const position = readCursor(subject, cursor, list, isPosition);
  const ranges = rangesOf(client.keys, reverse ? [...kinds].reverse() : kinds, {
    target,
    reverse,
    position,
  });
  const entries = scanAll(client, ranges, { reverse, page: pageFor(limit) });
  const most = limit + MAX_DELIVERIES_SKIPPED;
  const removed = new Map<string, boolean>();
  const { items, last } = await findItems(entries, { limit, most }, async (entry) => {
    const name = String(entry.key[2]);
    if (!removed.has(name)) removed.set(name, await client.isRemoved(name));
    return removed.get(name) ? undefined : summaryOf(entry, client.clock.now());
  });
  return last === undefined ? { items } : { items, cursor: writeCursor(list, last.slice(1)) };
}

/** Returns the ranges of some kinds, from a position on. */
function rangesOf(
  keys: Keys,
  kinds: readonly Kind[],
  { target, reverse, position }: {
    readonly target: string | undefined;
    readonly reverse: boolean;
    readonly position: StoreKey | undefined;
  },
): readonly Range[] {
  const first = position === undefined ? 0 : kinds.indexOf(position[0] as Kind);
  return kinds.slice(first).map((kind, i) => {
    const all = keys.below(...(target === undefined ? [kind] : [kind, target]));
    const from = i === 0 && position !== undefined ? keys.below(...position) : undefined;
    return reverse
      ? { start: after(all), end: from ?? endOf(all) }
      : { start: after(from ?? all), end: endOf(all) };
  });
}

async function* scanAll(
  client: StoreClient,
  ranges: readonly Range[],
  options: { readonly reverse: boolean; readonly page: number },
): AsyncGenerator<StoreEntry, void> {
  for (const range of ranges) yield* client.scan(range, options);
}

/** Returns the delivery of an entry; undefined for a session's own keys. */
function summaryOf({ key, value }: StoreEntry, now: number): DeliverySummary | undefined {
  const [, kind, target, a, b] = key as [string, Kind, string, string | number, string | number];
  if (kind === "due") {
    if (key.length !== 5) return undefined;
    const dueAt = new Date(+a);
    return { target, eventId: String(b), state: "pending", dueAt, ...leaseOf(value, now) };
  }
  if (kind === "lane") {
    const id = (value as { readonly id?: unknown } | null)?.id;
    const isEntry = key.length === 5 && typeof id === "string";
    return isEntry ? { target, eventId: id, state: "pending" } : undefined;
  }
  const eventId = String(a);
  if (kind === "dead") {
    const { at, reason, made } = (value ?? {}) as Partial<DeadLetterRecord>;
    return {
      target,
      eventId,
      state: "dead",
      ...(typeof made === "number" ? { made } : {}),
      ...(typeof at === "number" ? { diedAt: new Date(at) } : {}),
      ...(typeof reason === "string" ? { reason } : {}),
    };
  }
  const { state, made, attempts, at } = readLog(value);
  const last = attempts.at(-1);
  return {
    target,
    eventId,
    state,
    made,
    ...(last ? { lastAttempt: loggedAttempt(last) } : {}),
    ...(state === "pending" && at !== undefined ? { dueAt: new Date(at) } : {}),
  };
}

function leaseOf(value: unknown, now: number): { readonly leasedUntil?: Date } {
  const due = readDue(value);
  return due !== "newer" && due.until > now ? { leasedUntil: new Date(due.until) } : {};
}

/** Returns an attempt as it is shown; a log from before 0.1.0 has no times. */
function loggedAttempt({ at, ...attempt }: KeptAttempt): LoggedAttempt {
  return { ...attempt, at: new Date(at ?? 0) };
}
