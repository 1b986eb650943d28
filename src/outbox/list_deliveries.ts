import { checkKnown } from "../internal/options.ts";
import type { StoreEntry, StoreKey } from "../store/mod.ts";
import type {
  Delivery,
  DeliveryListOptions,
  DeliverySummary,
  LoggedAttempt,
  Page,
} from "./operation_types.ts";
import {
  canBeDelivery,
  checkFilter,
  checkOneOf,
  checkText,
  findItems,
  isInTime,
  type ListName,
  MAX_PAGE,
  pageFor,
  readCursor,
  readLimit,
  timesOf,
  writeCursor,
} from "./pagination.ts";
import {
  type DeadLetterRecord,
  type KeptAttempt,
  type Keys,
  readDue,
  readEventRecord,
  readLog,
  readTargetRecord,
  sessionOf,
} from "./records.ts";
import { scanTimes, type TimedScan } from "./scan_deliveries.ts";
import { after, endOf, type Range, type ScanOptions, type StoreClient } from "./store_client.ts";

/**
 * Entries that are read for a page besides its items. In a time range without deliveries, these are targets,
 * each of which takes a read.
 */
const MAX_SKIPPED = 500;
/** Likewise, of pending deliveries, which take about 100 bytes each, and how many are read at once. */
const MAX_DUE_SKIPPED = 2000;
const MAX_DUE_PAGE = 500;
const OPTIONS = ["state", "target", "since", "until", "limit", "cursor", "order"];

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
  // A pending delivery whose event is gone is never delivered.
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

/** Lists deliveries. `names`: those of targets that may have some. */
export async function listDeliveries(
  client: StoreClient,
  names: readonly string[],
  options: DeliveryListOptions = {} as DeliveryListOptions,
): Promise<Page<DeliverySummary>> {
  const subject = "Cannot list deliveries";
  checkKnown(subject, options, OPTIONS, { after: "since", before: "until" });
  const { state, target, since, until, cursor, order = "oldest" } = options;
  checkOneOf(subject, "state", state, Object.keys(RANGES));
  checkOneOf(subject, "order", order, ["newest", "oldest"]);
  checkText(subject, "target", target);
  checkFilter(subject, { since, until });
  const limit = readLimit(subject, options.limit);
  const reverse = order === "newest";
  const isTimed = since !== undefined || until !== undefined;
  const list: ListName = [
    "deliveries",
    state,
    target ?? "",
    ...(reverse ? [order] : []),
    ...(isTimed ? timesOf({ since, until }) : []),
  ];
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
  // Pending deliveries are sorted by when they are due, so all of them have to be read.
  const isSorted = state !== "pending";
  const reading = { reverse, page: pageFor(limit), maxPage: isSorted ? MAX_PAGE : MAX_DUE_PAGE };
  const times = isTimed && isSorted ? { since, until, target, names } : undefined;
  const entries = scanAll(client, ranges, { ...reading, times });
  const most = limit + (isSorted ? MAX_SKIPPED : MAX_DUE_SKIPPED);
  const removed = new Map<string, boolean>();
  const { items, last } = await findItems(entries, { limit, most }, async (entry) => {
    const found = summaryOf(entry, client.clock.now());
    if (found === undefined || !isInTime(found.eventId, { since, until })) return undefined;
    const { target: name } = found;
    if (!removed.has(name)) removed.set(name, await client.isRemoved(name));
    return removed.get(name) ? undefined : found;
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
  { times, ...options }: ScanOptions & { readonly times: TimedScan | undefined },
): AsyncGenerator<StoreEntry, void> {
  for (const range of ranges) {
    if (times === undefined) yield* client.scan(range, options);
    else yield* scanTimes(client, range, { ...times, ...options });
  }
}

/** Returns the delivery of an entry; undefined for a session's own keys, and for a position without a value. */
function summaryOf({ key, value }: StoreEntry, now: number): DeliverySummary | undefined {
  if (value === null) return undefined;
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
