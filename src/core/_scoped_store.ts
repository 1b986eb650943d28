import type { Store, StoreAtomic, StoreEntry, StoreKey, StoreSelector } from "./store.ts";

/** The part of a store whose keys begin with a scope; inside, keys are without it. */
export function scopedStore(store: Store, scope: StoreKey): Store {
  const outer = (key: StoreKey): StoreKey => [...scope, ...key];
  const inner = <E extends StoreEntry>(entry: E): E => ({
    ...entry,
    key: entry.key.slice(scope.length),
  });
  return {
    get: async <Value>(key: StoreKey) => inner(await store.get<Value>(outer(key))),
    getMany: async (keys) => (await store.getMany(keys.map(outer))).map(inner),
    set: (key, value, options) => store.set(outer(key), value, options),
    delete: (key) => store.delete(outer(key)),
    async *list<Value>(selector: StoreSelector, options?: { limit?: number; reverse?: boolean }) {
      for await (const entry of store.list<Value>(scopedSelector(selector, outer), options)) {
        yield inner(entry);
      }
    },
    atomic: () => scopedAtomic(store.atomic(), outer),
    close() {}, // whoever opened the store closes it
    limits: store.limits,
  };
}

function scopedSelector(
  selector: StoreSelector,
  outer: (key: StoreKey) => StoreKey,
): StoreSelector {
  const parts = Object.entries(selector).map(([name, key]) => [name, key && outer(key)]);
  return Object.fromEntries(parts) as StoreSelector;
}

function scopedAtomic(atomic: StoreAtomic, outer: (key: StoreKey) => StoreKey): StoreAtomic {
  const scoped: StoreAtomic = {
    check(...checks) {
      atomic.check(...checks.map((check) => ({ ...check, key: outer(check.key) })));
      return scoped;
    },
    set: (key, value, options) => (atomic.set(outer(key), value, options), scoped),
    delete: (key) => (atomic.delete(outer(key)), scoped),
    sum: (key, value, options) => (atomic.sum(outer(key), value, options), scoped),
    commit: () => atomic.commit(),
  };
  return scoped;
}
