import { DAY } from "../internal/clock.ts";
import { formatIssues } from "../internal/issues.ts";
import { copyJson } from "../internal/json.ts";
import { checkKnown, readDuration } from "../internal/options.ts";
import type { StoreSetOptions } from "./store.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The size of a sum in a commit, in bytes. */
const SUM_BYTES = 8;
/** Where a sum wraps around. */
export const SUM_RANGE: bigint = 1n << 64n;

/**
 * A stored value: the UTF-8 bytes of JSON, or a number that `sum` wrote. Bytes, because Deno KV stores the
 * strings of Deno, Bun and Node in formats that the others can't read.
 */
export type StoredValue = Uint8Array | bigint;

/** An entry, for a copy of its store. Unlike `StoreEntry`, it says when it expires. */
export type ExportedEntry = {
  /** The encoded key, one character per byte. */
  readonly id: string;
  /** The UTF-8 bytes of JSON, or a number that `sum` made. */
  readonly content: StoredValue;
  /** The rest of its lifetime in milliseconds; undefined if it has none. */
  readonly expireIn: number | undefined;
};

/** Encodes a value. @throws {TypeError} when JSON would change it silently */
export function encodeValue(value: unknown): Uint8Array {
  const copy = copyJson(value, "value");
  if (copy.issues.length > 0) {
    throw new TypeError(
      `Cannot store a value: ${formatIssues(copy.issues)}`,
    );
  }
  return encoder.encode(JSON.stringify(copy.value));
}

/** Decodes a value. Returns undefined for bytes that are not JSON. */
export function decodeValue(content: StoredValue): unknown {
  if (typeof content === "bigint") return content;
  try {
    return JSON.parse(decoder.decode(content));
  } catch {
    return undefined;
  }
}

/** Returns the size of a value in a commit, in bytes. */
export function sizeOf(content: StoredValue): number {
  return typeof content === "bigint" ? SUM_BYTES : content.length;
}

/** Asserts that a number can be added. */
export function checkAddend(value: bigint): void {
  if (typeof value !== "bigint") {
    throw new TypeError(
      `Cannot add to a number: the value must be a bigint, got ${typeof value}`,
    );
  }
  if (value < 0n || value >= SUM_RANGE) {
    throw new RangeError(
      `Cannot add to a number: the value must be unsigned and fit 64 bits, got ${value}`,
    );
  }
}

/** The longest lifetime: a hundred years, in milliseconds. Backends overflow beyond that. */
const LONGEST_LIFETIME = 36_500 * DAY;

/** Returns the lifetime of a write in whole milliseconds, as Deno KV expects it. */
export function readLifetime(options: StoreSetOptions): number | undefined {
  checkKnown("Cannot write", options, ["expireIn"], { ttl: "expireIn" });
  return readDuration("Cannot write", "expireIn", options.expireIn, {
    min: 0,
    max: LONGEST_LIFETIME,
    advice: "leave it out to keep the value",
  });
}
