import { isEventId, isPattern, patternsFor } from "../core/event_rules.ts";
import { decodeBase64, encodeBase64 } from "../internal/bytes.ts";
import { MAX_PAGE_SIZE, PAGE_SIZE } from "../internal/page_size.ts";
import { readCount } from "../internal/options.ts";
import { checkDate, checkOneOf, checkText, inspect, invalidOption } from "../internal/validate.ts";
import type { StoreEntry, StoreKey } from "../store/mod.ts";
import type { EventListOptions, Page } from "./operation_types.ts";
import { timeOf } from "./records.ts";

/** Characters of a target's name in a key, which has 2,048 bytes. */
const MAX_NAME = 512;
/** Entries that are read at once: an event can have 64 KiB. */
export const MAX_PAGE = 100;

/** Returns whether there can be a delivery of this name. A store may throw for the key of any other. */
export function canBeDelivery(target: unknown, id: unknown): boolean {
  return typeof target === "string" && target.length <= MAX_NAME && isEventId(id);
}

/** A filter of events. */
export type EventFilter = Pick<
  EventListOptions,
  "type" | "sessionId" | "runId" | "since" | "until"
>;

/** Checks a filter. @throws {TypeError} */
export function checkFilter(subject: string, filter: EventFilter): void {
  const { type = "*", sessionId, runId, since, until } = filter;
  if (!isPattern(type)) {
    const rule = 'a type such as "tool.called", a prefix such as "tool.*" or "*"';
    throw invalidOption(subject, "type", type, rule);
  }
  if (sessionId !== undefined) checkText(subject, "sessionId", sessionId);
  if (runId !== undefined) checkText(subject, "runId", runId);
  for (const [name, time] of Object.entries({ since, until })) {
    if (time !== undefined) checkDate(subject, name, time);
  }
}

/** Returns the times of a filter, as a part of a list's name. */
export function timesOf({ since, until }: EventFilter): ListName {
  return [since?.getTime() ?? "", until?.getTime() ?? ""];
}

/** Returns whether an id is between the times of a filter. An id without a time passes only a filter without times. */
export function isInTime(id: string, { since, until }: EventFilter): boolean {
  if (since === undefined && until === undefined) return true;
  const time = timeOf(id);
  return time !== undefined && time >= (since?.getTime() ?? 0) &&
    time < (until?.getTime() ?? Infinity);
}

/** Returns whether a pattern matches a type. */
export function matches(pattern: string, type: string): boolean {
  return patternsFor(type).includes(pattern);
}

/** How a page is read. */
type PageOrder = {
  readonly limit: number;
  /** Whether the newest come first. */
  readonly reverse: boolean;
  /** How many entries to read at once: one more than a page has tells whether there are more. */
  readonly page: number;
};

/** Checks the filter of a list, and reads how many items a page has and which come first. */
export function readOrder(
  subject: string,
  options: EventListOptions,
  byDefault: "newest" | "oldest",
): PageOrder {
  const { order = byDefault, limit: count = PAGE_SIZE } = options;
  checkFilter(subject, options);
  checkOneOf(subject, "order", order, ["newest", "oldest"]);
  const limit = readCount(subject, "limit", count, { max: MAX_PAGE_SIZE });
  return { limit, reverse: order === "newest", page: Math.min(limit + 1, MAX_PAGE) };
}

/** Which list a page is of, and in how many entries its items are searched. */
type PageSearch = {
  readonly list: ListName;
  readonly limit: number;
  readonly most: number;
  /** How many parts all keys of the list begin with: they aren't in cursors. */
  readonly skip: number;
};

/** Finds the items of a page, and where the list continues. */
export async function readPage<Item>(
  entries: AsyncIterable<StoreEntry>,
  { list, limit, most, skip }: PageSearch,
  itemOf: (entry: StoreEntry) => Promise<Item | undefined>,
): Promise<Page<Item>> {
  const items: Item[] = [];
  let read = 0;
  let last: StoreKey = [];
  for await (const entry of entries) {
    if (items.length === limit || read === most) {
      return { items, cursor: writeCursor(list, last.slice(skip)) };
    }
    const item = await itemOf(entry);
    if (item !== undefined) items.push(item);
    read++;
    last = entry.key;
  }
  return { items };
}

/** The version of cursors. */
const CURSOR_VERSION = 1;
/** Bytes of the strings in a position: a key has 2,048 with its prefix. */
const MAX_POSITION = 1900;

/** The identity of a list, without a position. A cursor is valid for the same list only. */
export type ListName = readonly (string | number | undefined)[];

/** Writes a position in a list as text. */
export function writeCursor(list: ListName, position: StoreKey): string {
  const bytes = new TextEncoder().encode(JSON.stringify([CURSOR_VERSION, list, position]));
  return encodeBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/**
 * Reads the position in a cursor; undefined without one.
 *
 * @throws {TypeError} when it doesn't come from this list
 */
export function readCursor(
  subject: string,
  cursor: string | undefined,
  list: ListName,
  isPosition: (position: StoreKey) => boolean,
): StoreKey | undefined {
  if (cursor === undefined) return undefined;
  const [version, writtenFor, position = []] = parse(cursor) ?? [];
  const isWhole = version === CURSOR_VERSION && stringBytes(position) <= MAX_POSITION;
  if (isWhole && JSON.stringify(writtenFor) !== JSON.stringify(list)) {
    throw new TypeError(`${subject}: 'cursor' comes from a list with other options`);
  }
  if (isWhole && isPosition(position)) return position;
  throw new TypeError(`${subject}: 'cursor' must come from this list, got ${inspect(cursor)}`);
}

function stringBytes(position: StoreKey): number {
  const text = position.filter((part) => typeof part === "string").join("");
  return new TextEncoder().encode(text).length;
}

function parse(cursor: unknown): readonly [number, unknown, StoreKey] | undefined {
  if (typeof cursor !== "string" || !/^[A-Za-z0-9_-]+$/.test(cursor)) return undefined;
  const text = cursor.replaceAll("-", "+").replaceAll("_", "/");
  const bytes = decodeBase64(text.padEnd(Math.ceil(text.length / 4) * 4, "="));
  if (bytes === undefined) return undefined;
  try {
    const parts = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    const isWhole = Array.isArray(parts) && Array.isArray(parts[1]) && Array.isArray(parts[2]);
    return isWhole ? parts as [number, unknown, StoreKey] : undefined;
  } catch {
    return undefined;
  }
}
