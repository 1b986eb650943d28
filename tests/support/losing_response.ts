import type { Store, StoreKey } from "@omniagent/hooks/store";
import { bindStore } from "./bind_store.ts";

/** Returns a store that applies the first commit of some keys, and then fails as a broken connection does. */
export function losingResponse(
  store: Store,
  isMeant: (key: StoreKey) => boolean,
): { readonly store: Store; lost(): number } {
  let lost = 0;
  return {
    store: {
      ...bindStore(store),
      atomic() {
        const atomic = store.atomic();
        const [set, commit] = [atomic.set.bind(atomic), atomic.commit.bind(atomic)];
        let loses = false;
        atomic.set = (key, ...rest) => {
          loses ||= lost === 0 && isMeant(key);
          return set(key, ...rest);
        };
        atomic.commit = async () => {
          const result = await commit();
          if (!loses || lost++ > 0) return result;
          throw new Error("connection reset");
        };
        return atomic;
      },
    },
    lost: () => lost,
  };
}
