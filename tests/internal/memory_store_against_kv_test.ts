/**
 * The store in memory against the one over Deno KV: the same operations have the same results. Needs
 * `--unstable-kv`.
 * @module
 */
import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import type {
  Store,
  StoreAtomic,
  StoreEntry,
  StoreKey,
  StoreListOptions,
  StoreSelector,
} from "@omniagent/hooks/store";
import { openStore } from "@omniagent/hooks/kv";
import { memoryStore } from "@omniagent/hooks/testing";
import { test } from "../support/harness.ts";

const part = fc.oneof(
  fc.constantFrom("", "\0", "a", "a\0", "a\0a", "b", "ab", "é", "\uffff", "😀", "\ud800"),
  fc.constantFrom(-Infinity, -2, -1.5, -1, -5e-324, -0, 0, 5e-324, 1, 2, 10, Infinity, NaN),
  fc.double(),
  fc.string({ unit: "binary", maxLength: 3 }),
);
const key: fc.Arbitrary<StoreKey> = fc.array(part, { minLength: 1, maxLength: 3 });
/** Few enough that operations meet. */
const near: fc.Arbitrary<StoreKey> = fc.oneof(
  fc.tuple(fc.constantFrom("a", 1), fc.constantFrom("b", 2, -1)),
  fc.constantFrom(["a"], [1], ["\ud800"], ["\ufffd"], ["a", "b", 3]),
);
const someKey = fc.oneof({ arbitrary: near, weight: 3 }, key);
const bound = fc.oneof(someKey, fc.constant([]));
const selector: fc.Arbitrary<StoreSelector> = fc.oneof(
  fc.record({ prefix: bound }),
  fc.record({ start: bound, end: bound }),
  fc.record({ prefix: bound, start: bound }),
  fc.record({ prefix: bound, end: bound }),
  below("start"),
  below("end"),
);
const listOptions: fc.Arbitrary<StoreListOptions> = fc.record(
  { limit: fc.integer({ min: 1, max: 12 }), reverse: fc.boolean() },
  { requiredKeys: [] },
);

const options = fc.constantFrom({}, { expireIn: 1e9 });
/** `seen: n` is the n-th versionstamp that was handed out, `now` the key's own at this moment. */
const check = fc.record({
  key: someKey,
  expected: fc.oneof(
    fc.constant("now" as const),
    fc.constant("null" as const),
    fc.record({ seen: fc.nat(30) }),
  ),
});
const change = fc.oneof(
  fc.record({ kind: fc.constant("set" as const), key: someKey, value: fc.jsonValue(), options }),
  fc.record({ kind: fc.constant("delete" as const), key: someKey }),
);
/** At most one sum, and first: on Deno KV, a sum that fails leaves applied what went before it. */
const sum = fc.record({ key: someKey, value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) });
const operation = fc.oneof(
  fc.record({ kind: fc.constant("get" as const), key: bound }),
  fc.record({ kind: fc.constant("getMany" as const), keys: fc.array(bound, { maxLength: 11 }) }),
  fc.record({ kind: fc.constant("list" as const), selector, options: listOptions }),
  fc.record({
    kind: fc.constant("commit" as const),
    checks: fc.array(check, { maxLength: 3 }),
    sum: fc.option(sum, { nil: undefined }),
    changes: fc.array(change, { maxLength: 5 }),
  }),
);
type Operation = typeof operation extends fc.Arbitrary<infer Value> ? Value : never;

test("memoryStore() returns what Deno KV does for any operations", async () => {
  const property = fc.asyncProperty(
    fc.array(operation, { maxLength: 40, size: "max" }),
    (operations) =>
      withKv(async (kv) => {
        const [expected, found] = [new Run(kv), new Run(memoryStore())];
        for (const operation of operations) {
          assert.deepEqual(await found.run(operation), await expected.run(operation));
        }
        const everything = { kind: "list", selector: { prefix: [] }, options: {} } as const;
        assert.deepEqual(await found.run(everything), await expected.run(everything));
      }),
  );
  await fc.assert(property, { numRuns: 300 });
});

test("memoryStore() lists the same as Deno KV while entries change", async () => {
  const write = fc.record({
    after: fc.nat(260), // entries that were listed
    at: fc.integer({ min: -20, max: 280 }),
    kind: fc.constantFrom("set", "delete"),
  });
  const limits = fc.constantFrom({}, { limit: 120 }, { limit: 250 });
  const property = fc.asyncProperty(
    fc.array(write, { minLength: 1, maxLength: 20, size: "max" }),
    limits,
    fc.boolean(),
    (writes, limit, reverse) =>
      withKv(async (kv) => {
        const [expected, found] = await Promise.all([kv, memoryStore()].map(async (store) => {
          for (let i = 0; i < 260; i++) await store.set(["a", i], i);
          const seen: unknown[] = [];
          for await (const { key, value } of store.list({ prefix: ["a"] }, { ...limit, reverse })) {
            seen.push([key, value]);
            for (const { at, kind } of writes.filter(({ after }) => after === seen.length)) {
              await (kind === "set" ? store.set(["a", at], "new") : store.delete(["a", at]));
            }
          }
          return seen;
        }));
        assert.deepEqual(found, expected);
      }),
  );
  await fc.assert(property, { numRuns: 25 });
});

/** Operations on one store. Results name versionstamps by their order, because each store has its own. */
class Run {
  readonly #store: Store;
  readonly #stamps: string[] = [];

  constructor(store: Store) {
    this.#store = store;
  }

  async run(operation: Operation): Promise<unknown> {
    try {
      return await this.#perform(operation);
    } catch {
      return "refused"; // when it should not be, the other store does not refuse
    }
  }

  async #perform(operation: Operation): Promise<unknown> {
    switch (operation.kind) {
      case "get":
        return this.#entry(await this.#store.get(operation.key));
      case "getMany":
        return (await this.#store.getMany(operation.keys)).map((entry) => this.#entry(entry));
      case "list": {
        const entries: unknown[] = [];
        for await (const entry of this.#store.list(operation.selector, operation.options)) {
          entries.push(this.#entry(entry));
        }
        return entries;
      }
      case "commit": {
        const result = await (await this.#atomic(operation)).commit();
        if (result.ok) this.#stamps.push(result.versionstamp);
        return result.ok && this.#ordinal(result.versionstamp);
      }
    }
  }

  async #atomic(
    { checks, sum, changes }: Operation & { readonly kind: "commit" },
  ): Promise<StoreAtomic> {
    const atomic = this.#store.atomic();
    for (const { key, expected } of checks) {
      const now = (await this.#store.get(key)).versionstamp;
      const versionstamp = expected === "now"
        ? now
        : expected === "null"
        ? null
        : this.#stamps[expected.seen] ?? null;
      atomic.check({ key, versionstamp });
    }
    if (sum) atomic.sum(sum.key, sum.value);
    for (const change of changes) {
      if (change.kind === "delete") atomic.delete(change.key);
      else atomic.set(change.key, change.value, change.options);
    }
    return atomic;
  }

  #entry({ key, value, versionstamp }: StoreEntry): unknown {
    return { key, value, versionstamp: versionstamp && this.#ordinal(versionstamp) };
  }

  #ordinal(versionstamp: string): number {
    assert.deepEqual(this.#stamps, [...this.#stamps].sort(), "versionstamps rise");
    return this.#stamps.indexOf(versionstamp);
  }
}

/** Selectors whose bound does lie below their prefix. */
function below(name: "start" | "end"): fc.Arbitrary<StoreSelector> {
  return fc.tuple(near, part).map(([prefix, part]) =>
    ({ prefix, [name]: [...prefix, part] }) as unknown as StoreSelector
  );
}

async function withKv(use: (store: Store) => Promise<void>): Promise<void> {
  const store = await openStore(":memory:");
  try {
    await use(store);
  } finally {
    store.close();
  }
}
