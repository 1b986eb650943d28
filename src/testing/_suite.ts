import type { Store, StoreKey, StoreListOptions, StoreSelector } from "../store/mod.ts";

/** Behaviours by sentence. Each is given a store that is empty, and that is closed after it. */
export type StoreBehaviors = Readonly<
  Record<string, (store: Store) => Promise<void>>
>;

/** The keys of a list. */
export async function keysOf(
  store: Store,
  selector: StoreSelector,
  options?: StoreListOptions,
): Promise<StoreKey[]> {
  const keys: StoreKey[] = [];
  for await (const { key } of store.list(selector, options)) keys.push(key);
  return keys;
}

/** Sets keys, in as few commits as may be. */
export async function setAll(store: Store, keys: readonly StoreKey[]): Promise<void> {
  for (let at = 0; at < keys.length; at += 500) {
    const atomic = store.atomic();
    for (const key of keys.slice(at, at + 500)) atomic.set(key, 1);
    await atomic.commit();
  }
}
