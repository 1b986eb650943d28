import { checkFunctions, checkObject } from "../internal/validate.ts";
import type { Store, StoreAtomic, StoreEntry, StoreKey, StoreSelector } from "./store.ts";

/** Returns the part of a store whose keys start with a scope. Keys in it are without the scope. */
export function scopedStore(store: Store, scope: StoreKey): Store {
  const outer = (key: StoreKey): StoreKey => [...scope, ...key];
  const full = (key: StoreKey): StoreKey => {
    if (key.length === 0) throw new TypeError("Cannot use a key: it must have at least one part");
    return outer(key);
  };
  const inner = <E extends StoreEntry>(entry: E): E => ({
    ...entry,
    key: entry.key.slice(scope.length),
  });
  return Object.freeze<Store>({
    get: async <Value>(key: StoreKey) => inner(await store.get<Value>(full(key))),
    getMany: async (keys) => (await store.getMany(keys.map(full))).map(inner),
    set: async (key, value, options) => await store.set(full(key), value, options),
    delete: async (key) => await store.delete(full(key)),
    async *list<Value>(selector: StoreSelector, options?: { limit?: number; reverse?: boolean }) {
      for await (const entry of store.list<Value>(scopedSelector(selector, outer), options)) {
        yield inner(entry);
      }
    },
    atomic: () => scopedAtomic(store.atomic(), full),
    close() {}, // the program that opened the store closes it
    limits: store.limits,
  });
}

function scopedSelector(
  selector: StoreSelector,
  outer: (key: StoreKey) => StoreKey,
): StoreSelector {
  const parts = Object.entries(selector).map(([name, key]) => [name, key && outer(key)]);
  return Object.fromEntries(parts) as StoreSelector;
}

function scopedAtomic(atomic: StoreAtomic, full: (key: StoreKey) => StoreKey): StoreAtomic {
  const scoped: StoreAtomic = {
    check(...checks) {
      atomic.check(...checks.map((check) => ({ ...check, key: full(check.key) })));
      return scoped;
    },
    set(key, value, options) {
      atomic.set(full(key), value, options);
      return scoped;
    },
    delete(key) {
      atomic.delete(full(key));
      return scoped;
    },
    sum(key, value) {
      atomic.sum(full(key), value);
      return scoped;
    },
    commit: () => atomic.commit(),
  };
  return scoped;
}

/** The methods that every store has. */
const METHODS = ["get", "getMany", "set", "delete", "list", "atomic"];

/** Checks that a value is a store. @throws {TypeError} */
export function checkStore(subject: string, store: unknown): void {
  checkObject(subject, "a store", store);
  checkFunctions(`${subject} with this store`, store as object, METHODS);
}
