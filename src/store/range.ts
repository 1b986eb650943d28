import { checkKnown, OR_INFINITE, readCount } from "../internal/options.ts";
import { encodeKey } from "./key.ts";
import type { StoreKey, StoreListOptions, StoreSelector } from "./store.ts";

/** A range of encoded keys. Includes `start`, excludes `end`. */
export type KeyRange = { readonly start: string; readonly end: string };

/** The fields of all forms of a selector. */
type AnySelector = { readonly [Name in "prefix" | "start" | "end"]?: StoreKey | undefined };

/** Returns the range of a selector. @throws {TypeError} for what Deno KV rejects */
export function rangeOf(selector: StoreSelector): KeyRange {
  checkKnown("Cannot list keys", selector, ["prefix", "start", "end"]);
  const { prefix, start, end }: AnySelector = selector;
  if (prefix !== undefined) return rangeOfPrefix(prefix, start, end);
  if (start === undefined || end === undefined) {
    throw new TypeError("Cannot list keys: the selector needs 'prefix', or 'start' and 'end'");
  }
  const range = { start: encodeKey(start).id, end: encodeKey(end).id };
  if (range.start > range.end) throw new TypeError("Cannot list keys: 'start' is after 'end'");
  return range;
}

/** Copies a selector, with its keys as they are read back. @throws {TypeError} for what Deno KV rejects */
export function copySelector(selector: StoreSelector): StoreSelector {
  rangeOf(selector);
  const bounds = (Object.entries(selector) as [string, StoreKey | undefined][])
    .filter(([, key]) => key !== undefined)
    .map(([name, key]) => [name, encodeKey(key!).key]);
  return Object.fromEntries(bounds) as StoreSelector;
}

/** Returns the maximum number of entries of a list. */
export function limitOf(options: StoreListOptions): number {
  checkKnown("Cannot list keys", options, ["limit", "reverse"]);
  const { limit = Infinity } = options;
  return readCount("Cannot list keys", "limit", limit, OR_INFINITE);
}

/** Every part starts with a byte between `\0` and `\xff`, so that these are the bounds of a prefix. */
function rangeOfPrefix(
  prefix: StoreKey,
  start: StoreKey | undefined,
  end: StoreKey | undefined,
): KeyRange {
  if (start !== undefined && end !== undefined) {
    throw new TypeError("Cannot list keys: 'prefix' takes 'start' or 'end', not both");
  }
  const { id } = encodeKey(prefix);
  return {
    start: start === undefined ? `${id}\0` : boundBelow(id, "start", start),
    end: end === undefined ? `${id}\xff` : boundBelow(id, "end", end),
  };
}

function boundBelow(prefix: string, name: "start" | "end", key: StoreKey): string {
  const { id } = encodeKey(key);
  if (id.startsWith(prefix) && id !== prefix) return id;
  throw new TypeError(`Cannot list keys: '${name}' must start with 'prefix'`);
}
