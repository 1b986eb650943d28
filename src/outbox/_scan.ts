import type { Store, StoreEntry, StoreKey, StoreListOptions, StoreSelector } from "../store/mod.ts";
import { patiently, readKeys } from "./_commit.ts";
import type { Env } from "./_env.ts";
import { OutboxUnavailableError } from "./errors.ts";

/** How long an operation waits for the store to read, in milliseconds. */
const PATIENCE = 5_000;
/** Entries that are read at once, unless fewer are wanted: an event can have 64 KiB. */
const BATCH = 100;

/** What reads go to. */
export type Source = { readonly store: Store; readonly env: Env };

/** Keys from `start` on, up to but without `end`. */
export type Range = { readonly start: StoreKey; readonly end: StoreKey };

/** How a range is read. */
export type ScanOptions = {
  /** From its end. */
  readonly reverse?: boolean;
  /** Entries that are read at once. */
  readonly batch?: number;
};

/** What comes right after a key. */
export function after(key: StoreKey): StoreKey {
  return [...key, ""];
}

/** What comes right after all that is below a key, which ends with a text. */
export function endOf(key: StoreKey): StoreKey {
  return [...key.slice(0, -1), `${key.at(-1)}\0`];
}

/**
 * The entries of a range, batch after batch, each as the store is at that moment.
 *
 * @throws {OutboxUnavailableError} when the store gives no answer in time
 */
export async function* scan(
  source: Source,
  { start, end }: Range,
  { reverse = false, batch = BATCH }: ScanOptions = {},
): AsyncGenerator<StoreEntry, void> {
  for (;;) {
    const entries = await readList(source, { start, end }, { limit: batch, reverse });
    yield* entries;
    if (entries.length < batch) return;
    const { key } = entries.at(-1)!;
    if (reverse) end = key;
    else start = after(key);
  }
}

/** Reads a list, anew while the store fails. @throws {OutboxUnavailableError} */
export function readList(
  { store, env }: Source,
  selector: StoreSelector,
  options: StoreListOptions,
): Promise<readonly StoreEntry[]> {
  const read = async (): Promise<readonly StoreEntry[]> => {
    const entries: StoreEntry[] = [];
    for await (const entry of store.list(selector, options)) entries.push(entry);
    return entries;
  };
  return patiently(read, env, PATIENCE, unavailable);
}

/** Reads keys, each ten as they are at one moment. @throws {OutboxUnavailableError} */
export function readMany(
  { store, env }: Source,
  keys: readonly StoreKey[],
): Promise<readonly StoreEntry[]> {
  return readKeys(store, keys, env, PATIENCE, unavailable);
}

/** A part of a list: where it ends, unless the list does. */
export type Found<Item> = { readonly items: readonly Item[]; readonly last?: StoreKey };

/** Items of entries, up to `limit`, of up to `most` entries. */
export async function findItems<Item>(
  entries: AsyncIterable<StoreEntry>,
  { limit, most }: { readonly limit: number; readonly most: number },
  itemOf: (entry: StoreEntry) => Item | undefined | Promise<Item | undefined>,
): Promise<Found<Item>> {
  const items: Item[] = [];
  let seen = 0;
  let last: StoreKey = [];
  for await (const entry of entries) {
    if (items.length === limit || seen === most) return { items, last };
    const item = await itemOf(entry);
    if (item !== undefined) items.push(item);
    seen++;
    last = entry.key;
  }
  return { items };
}

/** Entries to read at once for a page: one more than it has tells whether there are more. */
export function batchFor(limit: number): number {
  return Math.min(limit + 1, BATCH);
}

function unavailable(cause: unknown): Error {
  return new OutboxUnavailableError(false, cause, "read");
}
