import type { Store } from "@omniagent/hooks/store";
import { bindStore } from "./bind_store.ts";

/** An operation of a store: a read, or a commit with the values that it sets. */
type Operation = { readonly what: "read" } | {
  readonly what: "commit";
  readonly values: readonly unknown[];
};

/** A store that stops responding, and later goes on. */
type HangingStore = {
  readonly store: Store;
  /** From the first such operation on, nothing responds. `onHang` is called then. */
  hangAt(isMeant: (operation: Operation) => boolean, onHang: () => void): void;
  /** Does what was sent meanwhile. */
  resume(): void;
};

/** Returns a store that hangs when it is told to. */
export function hangingStore(store: Store): HangingStore {
  let waits: ((operation: Operation) => boolean) | undefined;
  let onHang = (): void => {};
  let resume = (): void => {};
  let resumed = Promise.resolve();
  const pass = async <Result>(
    operation: Operation,
    work: () => Promise<Result>,
  ): Promise<Result> => {
    if (waits?.(operation)) {
      waits = () => true;
      onHang();
      onHang = () => {};
      await resumed;
    }
    return await work();
  };
  return {
    store: {
      ...bindStore(store),
      getMany: (keys) => pass({ what: "read" }, () => store.getMany(keys)),
      atomic() {
        const atomic = store.atomic();
        const values: unknown[] = [];
        const [set, commit] = [atomic.set.bind(atomic), atomic.commit.bind(atomic)];
        atomic.set = (key, value, ...rest) => {
          values.push(value);
          return set(key, value, ...rest);
        };
        atomic.commit = () => pass({ what: "commit", values }, commit);
        return atomic;
      },
    },
    hangAt(isMeant, callback) {
      waits = isMeant;
      onHang = callback;
      resumed = new Promise((resolve) => resume = resolve);
    },
    resume() {
      waits = undefined;
      resume();
    },
  };
}
