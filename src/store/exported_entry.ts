import type { StoredValue } from "./value.ts";

/** An entry, for a copy of its store. Unlike `StoreEntry`, it says when it expires. */
export type ExportedEntry = {
  /** The encoded key, one character per byte. */
  readonly id: string;
  /** The UTF-8 bytes of JSON, or a number that `sum` made. */
  readonly content: StoredValue;
  /** The rest of its lifetime in milliseconds; undefined if it has none. */
  readonly expireIn: number | undefined;
};
