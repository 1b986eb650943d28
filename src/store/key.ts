import { checkKnown, OR_INFINITE, readCount } from "../internal/options.ts";
import { StoreLimitError } from "./errors.ts";
import { KEY_LIMIT } from "./commit_limits.ts";
import type { StoreKey, StoreListOptions, StoreSelector } from "./store.ts";

/**
 * The first byte of a part in Deno KV's encoding, so that strings sort before numbers. It is never `\x00` or
 * `\xff`, which delimit the range of a key.
 */
const STRING = "\x02";
const NUMBER = "\x21";

/** Printable ASCII: one byte per character in UTF-8, and nothing to escape. */
const PLAIN = /^[ -~]*$/;

const SIGN = 0x8000_0000;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const bytesOfDouble = new Uint8Array(8);
const double = new DataView(bytesOfDouble.buffer);

/** A key with its encoding. */
type EncodedKey = {
  /** A copy of the key as it is read back: a lone surrogate is U+FFFD, as in UTF-8, and -0 is 0. */
  readonly key: StoreKey;
  /** Deno KV's bytes, one per character. Sorts as the key does, and has its length. */
  readonly id: string;
};

/** Encodes a key, or the bound of a range, which may be empty. @throws {TypeError | StoreLimitError} */
function encodeKey(key: StoreKey): EncodedKey {
  if (!Array.isArray(key)) {
    throw new TypeError(`Cannot use a key: it must be a list, got ${typeof key}`);
  }
  let id = "";
  const copy = key.map((part: unknown) => {
    if (typeof part === "number" && !Number.isNaN(part)) {
      const number = part + 0; // `@deno/kv` has no -0, and no one order for NaN
      id += encodeNumber(number);
      return number;
    }
    if (typeof part === "string") {
      id += encodeString(part);
      return part.toWellFormed();
    }
    throw new TypeError(
      `Cannot use a key: its parts must be strings and numbers, got ${
        typeof part === "number" ? part : typeof part
      }`,
    );
  });
  if (id.length > KEY_LIMIT) {
    throw new StoreLimitError(
      `Cannot use a key: it must be at most ${KEY_LIMIT} bytes, got ${id.length}. ` +
        "Shorten it, or use a hash of it",
    );
  }
  return { key: copy, id };
}

/** Encodes a key that can have a value. @throws {TypeError | StoreLimitError} */
export function encodeFullKey(key: StoreKey): EncodedKey {
  const encoded = encodeKey(key);
  if (encoded.id === "") throw new TypeError("Cannot use a key: it must have at least one part");
  return encoded;
}

/** Returns the UTF-8 bytes, with zeros escaped, and an end that sorts before every other byte. */
function encodeString(text: string): string {
  if (PLAIN.test(text)) return `${STRING}${text}\0`;
  let bytes = "";
  for (const byte of encoder.encode(text)) {
    bytes += byte === 0 ? "\0\xff" : String.fromCharCode(byte);
  }
  return `${STRING}${bytes}\0`;
}

/**
 * Returns the bits of the double so that they sort as numbers do: all bits of a negative number are flipped,
 * and the sign of any other.
 */
function encodeNumber(number: number): string {
  double.setFloat64(0, number);
  const [high, low] = [double.getUint32(0), double.getUint32(4)];
  const negative = high >= SIGN;
  double.setUint32(0, high ^ (negative ? ~0 : SIGN));
  double.setUint32(4, negative ? ~low : low);
  return NUMBER + String.fromCharCode(...bytesOfDouble);
}

/**
 * Decodes an encoded key. The inverse of `encodeKey`. Returns undefined for a key of Deno KV that no store of
 * this package wrote: one with a bigint, a boolean, bytes, or NaN, or one that is damaged.
 */
export function decodeKey(id: string): StoreKey | undefined {
  const key: (string | number)[] = [];
  for (let at = 0; at < id.length;) {
    if (id[at] === NUMBER) {
      if (at + 9 > id.length) return undefined;
      const number = decodeNumber(id, at + 1);
      if (Number.isNaN(number)) return undefined;
      key.push(number);
      at += 9;
      continue;
    }
    if (id[at] !== STRING) return undefined;
    let end = id.indexOf("\0", at);
    while (id[end + 1] === "\xff") end = id.indexOf("\0", end + 1); // an escaped zero
    if (end === -1) return undefined;
    key.push(decodeString(id.slice(at + 1, end)));
    at = end + 1;
  }
  return key;
}

function decodeString(bytes: string): string {
  if (PLAIN.test(bytes)) return bytes;
  const unescaped = bytes.replaceAll("\0\xff", "\0");
  return decoder.decode(Uint8Array.from(unescaped, (byte) => byte.charCodeAt(0)));
}

function decodeNumber(id: string, at: number): number {
  for (let i = 0; i < 8; i++) bytesOfDouble[i] = id.charCodeAt(at + i);
  const [high, low] = [double.getUint32(0), double.getUint32(4)];
  const negative = high < SIGN;
  double.setUint32(0, high ^ (negative ? ~0 : SIGN));
  double.setUint32(4, negative ? ~low : low);
  return double.getFloat64(0);
}

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

/** Returns the bounds of a prefix: every part starts with a byte between `\0` and `\xff`. */
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
