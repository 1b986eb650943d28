import { decodeBase64, encodeBase64 } from "../internal/bytes.ts";
import { inspect } from "../internal/validate.ts";
import type { StoreKey } from "../store/mod.ts";

const VERSION = 1;
/** Bytes of the texts in a place, at most: a key has 2048, with its prefix. */
const MOST_BYTES = 1900;

/** What a list is, besides its place: a cursor holds for the same list only. */
export type ListName = readonly (string | number | undefined)[];

/** A place in a list, as text. */
export function writeCursor(list: ListName, place: StoreKey): string {
  const bytes = new TextEncoder().encode(JSON.stringify([VERSION, list, place]));
  return encodeBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/**
 * The place of a cursor; undefined without one.
 *
 * @throws {TypeError} when it is not one that this list gave
 */
export function readCursor(
  subject: string,
  cursor: string | undefined,
  list: ListName,
  isPlace: (place: StoreKey) => boolean,
): StoreKey | undefined {
  if (cursor === undefined) return undefined;
  const parts = parse(cursor);
  if (parts === undefined || parts[0] !== VERSION) {
    throw new TypeError(
      `${subject} as 'cursor' must be one that this list gave: current value is ${inspect(cursor)}`,
    );
  }
  const [, written, place] = parts;
  if (JSON.stringify(written) !== JSON.stringify(list)) {
    throw new TypeError(`${subject} as 'cursor' comes from a list with other options`);
  }
  if (bytesOf(place) > MOST_BYTES || !isPlace(place)) {
    throw new TypeError(
      `${subject} as 'cursor' must be one that this list gave: current value is ${inspect(cursor)}`,
    );
  }
  return place;
}

function bytesOf(place: StoreKey): number {
  const text = place.filter((part) => typeof part === "string").join("");
  return new TextEncoder().encode(text).length;
}

function parse(cursor: unknown): readonly [number, unknown, StoreKey] | undefined {
  if (typeof cursor !== "string" || !/^[A-Za-z0-9_-]+$/.test(cursor)) return undefined;
  const text = cursor.replaceAll("-", "+").replaceAll("_", "/");
  const bytes = decodeBase64(text.padEnd(Math.ceil(text.length / 4) * 4, "="));
  if (bytes === undefined) return undefined;
  try {
    const parts = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    const whole = Array.isArray(parts) && Array.isArray(parts[1]) && Array.isArray(parts[2]);
    return whole ? parts as [number, unknown, StoreKey] : undefined;
  } catch {
    return undefined;
  }
}
