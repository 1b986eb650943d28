/**
 * What the rows of the outbox share: Deno KV on files, and a store whose operations are counted.
 * @module
 */
import type { Store } from "@omniagent/hooks/store";
import type { Sample } from "../sampler.ts";

/** The part of Deno KV that rows call by itself; typed here, as rows are bundled for every runtime. */
export type RawKv = Deno.Kv;

/** Where a row's database is: a file in a folder, or the denokv of `DENOKV_URL`, for all rows. */
export function databaseIn(folder: string, name: string): string {
  return Deno.env.get("DENOKV_URL") ?? `${folder}/${name}.db`;
}

/** A prefix for an outbox that may share its database with other rows. */
export function newPrefix(): string {
  return `bench-${crypto.randomUUID()}`;
}

/** Does something `count` times so that always `inFlight` are under way; the cost is the time of one. */
export function concurrently(
  count: number,
  inFlight: number,
  action: () => Promise<unknown>,
): Sample {
  return async () => {
    let left = count;
    const worker = async () => {
      while (left-- > 0) await action();
    };
    const start = performance.now();
    await Promise.all(Array.from({ length: inFlight }, worker));
    return (performance.now() - start) / count;
  };
}

/** What was asked of a store. */
export type Operations = { reads: number; changes: number; commits: number; settled: number };

/**
 * A store that counts: keys that are read (a list that finds none counts as one), changes, and commits.
 * `settled` counts removed keys: only a settle removes any.
 */
export function counted(store: Store, operations: Operations, settled = () => {}): Store {
  return {
    get limits() {
      return store.limits;
    },
    get: (key) => (operations.reads++, store.get(key)),
    getMany: (keys) => (operations.reads += keys.length, store.getMany(keys)),
    set: (key, value, options) => store.set(key, value, options),
    delete: (key) => store.delete(key),
    async *list(selector, options) {
      let found = 0;
      for await (const entry of store.list(selector, options)) {
        found++;
        operations.reads++;
        yield entry as never;
      }
      if (found === 0) operations.reads++;
    },
    atomic() {
      const atomic = store.atomic();
      const here = { changes: 0, deletes: 0 };
      const draft: ReturnType<Store["atomic"]> = {
        check: (...checks) => (atomic.check(...checks), draft),
        set: (key, value, options) => (here.changes++, atomic.set(key, value, options), draft),
        delete: (key) => (here.changes++, here.deletes++, atomic.delete(key), draft),
        sum: (key, value) => (here.changes++, atomic.sum(key, value), draft),
        async commit() {
          const result = await atomic.commit();
          operations.commits++;
          operations.changes += here.changes;
          if (result.ok) operations.settled += here.deletes;
          if (here.deletes > 0) settled();
          return result;
        },
      };
      return draft;
    },
    close: () => store.close(),
  };
}

/** New operations: none yet. */
export function none(): Operations {
  return { reads: 0, changes: 0, commits: 0, settled: 0 };
}
