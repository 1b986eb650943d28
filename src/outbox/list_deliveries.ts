import { checkKnown } from "../internal/options.ts";
import { checkOneOf, checkText } from "../internal/validate.ts";
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
  isInTime,
  type ListName,
  MAX_PAGE,
  readCursor,
  readOrder,
  readPage,
  timesOf,
} from "./pagination.ts";
import {
  type DeadLetterRecord,
  type KeptAttempt,
  readDue,
  readEventRecord,
  readLog,
  readTargetRecord,
  sessionOf,
} from "./records.ts";
import { type DeliveryKind, removalsIn, scanDeliveries } from "./scan_deliveries.ts";
import type { StoreClient } from "./store_client.ts";

/**
 * Entries that are read for a page besides its items, and at once. In a time range without deliveries, these
 * are targets, each of which takes a read. Pending deliveries take about 100 bytes each.
 */
const READ = {
  pending: { skipped: 2000, maxPage: 500 },
  others: { skipped: 500, maxPage: MAX_PAGE },
};
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
const KINDS: Readonly<Record<DeliveryListOptions["state"], readonly DeliveryKind[]>> = {
  pending: ["due", "lane"],
  attempted: ["delivery"],
  dead: ["dead"],
};

/** The types of what follows kind and target in the keys of deliveries: strings and numbers. */
const FORMS: Readonly<Record<DeliveryKind, readonly string[]>> = {
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
  const { state, target, since, until, cursor } = options;
  checkOneOf(subject, "state", state, Object.keys(KINDS));
  if (target !== undefined) checkText(subject, "target", target);
  const { limit, reverse, page } = readOrder(subject, options, "oldest");
  const list: ListName = [
    "deliveries",
    state,
    target ?? "",
    ...(reverse ? ["newest"] : []),
    ...(since || until ? timesOf(options) : []),
  ];
  const kinds = reverse ? KINDS[state].toReversed() : KINDS[state];
  const isPosition = ([kind, w, ...rest]: StoreKey): boolean => {
    const form = rest.map((part) => (typeof part)[0]).join("");
    return kinds.includes(kind as DeliveryKind) && typeof w === "string" && (target ?? w) === w &&
      FORMS[kind as DeliveryKind].includes(form);
  };
  const position = readCursor(subject, cursor, list, isPosition);
  const { maxPage, skipped } = state === "pending" ? READ.pending : READ.others;
  const scan = { kinds, target, since, until, names, position, reverse, page, maxPage };
  const isRemoved = removalsIn(client);
  const most = limit + skipped;
  return await readPage(
    scanDeliveries(client, scan),
    { list, limit, most, skip: 1 },
    async (entry) => {
      const found = summaryOf(entry, client.clock.now());
      const isWanted = found !== undefined && isInTime(found.eventId, options) &&
        !await isRemoved(found.target);
      return isWanted ? found : undefined;
    },
  );
}

type Parts = [string, DeliveryKind, string, string | number, string | number];

/** Returns the delivery of an entry; undefined for a session's own keys, and for a position without a value. */
function summaryOf({ key, value }: StoreEntry, now: number): DeliverySummary | undefined {
  if (value === null) return undefined;
  const [, kind, target, a, b] = key as Parts;
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
