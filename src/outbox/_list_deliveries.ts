import { checkKnown } from "../internal/options.ts";
import type { StoreEntry, StoreKey } from "../store/mod.ts";
import { type ListName, readCursor, writeCursor } from "./_cursor.ts";
import { readEndpoint } from "./_endpoint_record.ts";
import type { Keys } from "./_keys.ts";
import { headOf } from "./_list_events.ts";
import { canBeDelivery, checkOneOf, checkText, limitFrom } from "./_list_options.ts";
import { readLog } from "./_reader.ts";
import { type Dead, type DeliveryLog, type KeptAttempt, readDue } from "./_records.ts";
import { sessionOf } from "./_revive.ts";
import { after, batchFor, endOf, findItems, readMany, scan, type Source } from "./_scan.ts";
import type { Delivery, DeliverySummary, LoggedAttempt } from "./delivery.ts";
import type { DeliveryListOptions, Page } from "./lists.ts";

/** Keys that are read for one page beside its items, at most. */
const MOST_BESIDE = 1000;

/** What deliveries are listed from. */
export type DeliverySource = Source & { readonly keys: Keys };

/** Where a kind of delivery stands, range after range. */
const RANGES = { pending: ["due", "lane"], attempted: ["delivery"], dead: ["dead"] } as const;

type Kind = typeof RANGES[keyof typeof RANGES][number];

/** How a delivery stands; undefined: there is none. */
export async function getDelivery(
  source: DeliverySource,
  target: string,
  eventId: string,
): Promise<Delivery | undefined> {
  const { keys } = source;
  if (!canBeDelivery(target, eventId)) return undefined;
  const [event, entry, endpoint] = await readMany(source, [
    keys.event(eventId),
    keys.delivery(target, eventId),
    keys.endpoint(target),
  ]);
  if (readEndpoint(endpoint!.value).state === "deleted") return undefined;
  const head = headOf(event!.value);
  const logged = entry!.value !== null;
  if (!logged && !head?.to.includes(target)) return undefined;
  const log = readLog(entry!.value);
  // What is not delivered when its event is gone, never is.
  const gone = log.state === "pending" && event!.value === null;
  const state = gone ? "expired" : log.state;
  // One that was never attempted is where it was born; if ordered, it may wait behind another.
  const ordered = sessionOf(head, target) !== undefined;
  const at = log.at ?? (logged || ordered ? undefined : head?.at);
  const isDue = state === "pending" && at !== undefined && !ordered;
  const [due] = isDue ? await readMany(source, [keys.due(target, at, eventId)]) : [];
  return {
    target,
    eventId,
    state,
    made: log.made,
    attempts: log.attempts.map(loggedAttempt),
    ...(state === "pending" && at !== undefined ? { dueAt: new Date(at) } : {}),
    ...leaseOf(due?.value, source.env.now()),
  };
}

/** Until when the delivery of a due key is leased. */
export function leaseOf(value: unknown, now: number): { readonly leasedUntil?: Date } {
  const due = readDue(value);
  return due !== "newer" && due.until > now ? { leasedUntil: new Date(due.until) } : {};
}

/** Deliveries. */
export async function listDeliveries(
  source: DeliverySource,
  options: DeliveryListOptions = {} as DeliveryListOptions,
): Promise<Page<DeliverySummary>> {
  const subject = "Cannot list deliveries";
  checkKnown(subject, options, ["state", "target", "limit", "cursor", "order"]);
  const { state, target, cursor, order = "oldest" } = options;
  checkOneOf(subject, "state", state, Object.keys(RANGES));
  checkOneOf(subject, "order", order, ["newest", "oldest"]);
  checkText(subject, "target", target);
  const limit = limitFrom(subject, options.limit);
  const reverse = order === "newest";
  const list: ListName = ["deliveries", state, target ?? "", ...(reverse ? [order] : [])];
  const kinds: readonly Kind[] = RANGES[state];
  const place = readCursor(subject, cursor, list, (place) => isPlace(place, kinds, target));
  const most = limit + MOST_BESIDE;
  const scanOptions = { reverse, batch: batchFor(limit) };
  const entries = entriesOf(source, { kinds, target, place }, scanOptions);
  const removed = new Map<string, boolean>();
  const found = await findItems(entries, { limit, most }, async (entry) => {
    const name = String(entry.key[2]);
    if (!removed.has(name)) removed.set(name, await isRemoved(source, name));
    return removed.get(name) ? undefined : summaryOf(entry, source);
  });
  const { items, last } = found;
  return last === undefined ? { items } : { items, cursor: writeCursor(list, last.slice(1)) };
}

/** Whether a target was removed: what a slow process leaves behind of it is nothing. */
export async function isRemoved(source: DeliverySource, target: string): Promise<boolean> {
  const [endpoint] = await readMany(source, [source.keys.endpoint(target)]);
  return readEndpoint(endpoint!.value).state === "deleted";
}

/** The entries of some ranges, one after the other, from a place on. */
async function* entriesOf(
  source: DeliverySource,
  { kinds, target, place }: {
    readonly kinds: readonly Kind[];
    readonly target: string | undefined;
    readonly place: StoreKey | undefined;
  },
  options: { readonly reverse: boolean; readonly batch: number },
): AsyncGenerator<StoreEntry, void> {
  const ordered = options.reverse ? [...kinds].reverse() : kinds;
  const first = place === undefined ? 0 : ordered.indexOf(place[0] as Kind);
  for (const [i, kind] of ordered.slice(first).entries()) {
    const all = source.keys.below(...(target === undefined ? [kind] : [kind, target]));
    const from = i === 0 && place !== undefined ? source.keys.below(...place) : undefined;
    const range = options.reverse
      ? { start: after(all), end: from ?? endOf(all) }
      : { start: after(from ?? all), end: endOf(all) };
    yield* scan(source, range, options);
  }
}

/** The delivery of a key; undefined for a key that stands for none of its own, as those of lanes. */
function summaryOf(
  { key, value }: StoreEntry,
  { env }: DeliverySource,
): DeliverySummary | undefined {
  const [, kind, target, a, b] = key as [string, Kind, string, string | number, string | number];
  if (kind === "due") {
    return key.length === 5 ? dueSummary(target, +a, `${b}`, value, env.now()) : undefined;
  }
  if (kind === "lane") {
    const id = (value as { readonly id?: unknown } | null)?.id;
    return key.length === 5 && typeof id === "string"
      ? { target, eventId: id, state: "pending" }
      : undefined;
  }
  const eventId = String(a);
  if (kind === "delivery") return attemptedSummary(target, eventId, readLog(value));
  const { at, reason } = (value ?? {}) as Partial<Dead>;
  return {
    target,
    eventId,
    state: "dead",
    ...(typeof at === "number" ? { diedAt: new Date(at) } : {}),
    ...(typeof reason === "string" ? { reason } : {}),
  };
}

function dueSummary(
  target: string,
  at: number,
  eventId: string,
  value: unknown,
  now: number,
): DeliverySummary {
  const dueAt = new Date(at);
  return { target, eventId, state: "pending", dueAt, ...leaseOf(value, now) };
}

function attemptedSummary(target: string, eventId: string, log: DeliveryLog): DeliverySummary {
  const { state, made, attempts, at } = log;
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

/** An attempt as it is shown; a log from before 0.1.0 says no times. */
function loggedAttempt({ at, ...attempt }: KeptAttempt): LoggedAttempt {
  return { ...attempt, at: new Date(at ?? 0) };
}

/** The form of a key of these kinds, without its prefix. */
function isPlace(
  place: readonly unknown[],
  kinds: readonly Kind[],
  target: string | undefined,
): boolean {
  const [kind, w] = place;
  if (!kinds.includes(kind as Kind) || typeof w !== "string" || (target ?? w) !== w) return false;
  const parts = place.slice(2).map((part) => (typeof part)[0]).join("");
  const forms = { due: ["ns", "nss"], lane: ["s", "sn"], delivery: ["s"], dead: ["s"] } as const;
  return (forms[kind as Kind] as readonly string[]).includes(parts);
}
