import type { Store } from "@omniagent/hooks/store";

/** A store's methods as an object's own, so that a test can put others in their place. */
export function bindStore(store: Store): Store {
  return {
    get: (key) => store.get(key),
    getMany: (keys) => store.getMany(keys),
    set: (...args) => store.set(...args),
    delete: (key) => store.delete(key),
    list: (...args) => store.list(...args),
    atomic: () => store.atomic(),
    close: () => store.close(),
    limits: store.limits,
  };
}
