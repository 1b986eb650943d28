import assert from "node:assert/strict";
import { type AgentEvents, createHooks, type Hook, type Hooks } from "@omniagent/hooks";
import type { Store, StoreKey, StoreSelector } from "@omniagent/hooks/store";
import { memoryStore } from "@omniagent/hooks/testing";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { BASH, fakeHook, fakeWebhook, quietHooks } from "./_fakes.ts";

/** A hook in the Go form, and its part of the store each time it is given one. */
function storing(log: string[], name: string): { readonly hook: Hook; readonly stores: Store[] } {
  const stores: Store[] = [];
  const setStorage = (store: Store): void => {
    log.push(`${name} is given a store`);
    stores.push(store);
  };
  return { hook: fakeHook(log, name, { setStorage }), stores };
}

/** Its part of a store, as `context.store` gives it to a named handler. */
async function partOf(store: Store, name: string): Promise<Store> {
  const hooks = createHooks({ store, logger: silentLogger });
  const parts: (Store | undefined)[] = [];
  hooks.on("tool.called", (_event, context) => void parts.push(context.store), { name });
  await hooks.emit("tool.called", BASH);
  return parts[0]!;
}

/** The keys of a store, or of a part of it. */
async function keysOf(store: Store, selector: StoreSelector = { prefix: [] }): Promise<StoreKey[]> {
  const keys: StoreKey[] = [];
  for await (const { key } of store.list(selector)) keys.push(key);
  return keys;
}

type Step = (hooks: Hooks, hook: Hook) => unknown;
const setStorage: Step = (hooks) => hooks.registry.setStorage(memoryStore());
const register: Step = (hooks, hook) => hooks.use(hook);
const open: Step = (hooks) => hooks.init();
const orders: Record<string, readonly [steps: readonly Step[], ...log: string[]]> = {
  "hook, store, init": [[register, setStorage, open], "a is given a store", "a opens"],
  "store, hook, init": [[setStorage, register, open], "a is given a store", "a opens"],
  "store, init, hook, init": [
    [setStorage, open, register, open],
    "a is given a store",
    "a opens",
  ],
  "init, store, hook, init": [
    [open, setStorage, register, open],
    "a is given a store",
    "a opens",
  ],
  "hook, init, store": [[register, open, setStorage], "a opens", "a is given a store"],
  "store, store, hook, init": [
    [setStorage, setStorage, register, open],
    "a is given a store",
    "a opens",
  ],
  "store, hook, store, init": [
    [setStorage, register, setStorage, open],
    "a is given a store",
    "a is given a store",
    "a opens",
  ],
};
for (const [order, [steps, ...expected]] of Object.entries(orders)) {
  test(`setStorage() gives a hook its store, before init() whenever it can (${order})`, async () => {
    const log: string[] = [];
    const hooks = quietHooks<AgentEvents>();
    const { hook } = storing(log, "a");
    for (const step of steps) await step(hooks, hook);
    assert.deepEqual(log, expected);
  });
}

test("the store of createHooks is there for the hooks of its own `use`, and for init()", async () => {
  const log: string[] = [];
  const inits: (Store | undefined)[] = [];
  const store = memoryStore();
  const a = storing(log, "a");
  const b = fakeHook(log, "b", { init: (context) => void inits.push(context.store) });
  const hooks = quietHooks({ store, use: [a.hook, b] });
  assert.deepEqual(log, ["a is given a store"]);
  await hooks.init();
  await a.stores[0]!.set(["k"], 1);
  await inits[0]!.set(["k"], 2);
  assert.deepEqual(await keysOf(store), [["hook", "a", "k"], ["hook", "b", "k"]]);
});

for (const order of ["before the store", "after the store"]) {
  test(`a webhook with setStorage() is given its store (registered ${order})`, () => {
    const log: string[] = [];
    const hooks = quietHooks();
    const setStorage = (): void => void log.push("given");
    const add = () => hooks.use(fakeWebhook(log, "w", { setStorage } as never));
    if (order === "before the store") add();
    hooks.registry.setStorage(memoryStore());
    if (order === "after the store") add();
    assert.deepEqual(log, ["given"]);
  });
}

test("a second setStorage() replaces the store of hooks and named handlers from the next event on", async () => {
  const stores = [memoryStore(), memoryStore()];
  const hooks = quietHooks();
  const { hook, stores: given } = storing([], "a");
  hooks.use({ ...hook, handle: (_event, context) => context.store!.set(["hook"], 1) });
  hooks.on("*", (_event, context) => context.store!.set(["handler"], 1), { name: "a" });
  for (const store of stores) {
    hooks.registry.setStorage(store);
    await given.at(-1)!.set(["given"], 1);
    await hooks.emit("tool.called", BASH);
  }
  const keys = [["handler", "a", "handler"], ["hook", "a", "given"], ["hook", "a", "hook"]];
  for (const store of stores) assert.deepEqual(await keysOf(store), keys);
});

test("a hook and a handler of the same name have separate stores, and so do two hooks", async () => {
  const store = memoryStore();
  const hooks = quietHooks<AgentEvents>({ store });
  const seen: unknown[] = [];
  const handle: Hook["handle"] = async (_event, context) => {
    seen.push((await context.store!.get(["k"])).value);
    await context.store!.set(["k"], seen.length);
  };
  hooks.use({ name: "a", events: ["*"], handle }, { name: "b", events: ["*"], handle });
  hooks.on("*", handle, { name: "a" });
  await hooks.emit("tool.called", BASH);
  await hooks.emit("tool.called", BASH);
  assert.deepEqual(seen, [null, null, null, 1, 2, 3]);
});

test("keys of one scope can't reach another scope with a similar name", async () => {
  const store = memoryStore();
  await (await partOf(store, "a")).set(["b", "k"], 1);
  await (await partOf(store, "a.b")).set(["k"], 2);
  await (await partOf(store, "ab")).set(["k"], 3);
  assert.equal((await keysOf(store)).length, 3);
  assert.deepEqual(await keysOf(await partOf(store, "a")), [["b", "k"]]);
});

test("context.store is set for hooks and named handlers only", async () => {
  const found: Record<string, boolean> = {};
  const hooks = quietHooks<AgentEvents>({ store: memoryStore() });
  const noting = (name: string): Hook["handle"] => (_event, context) => {
    found[name] = "store" in context;
  };
  hooks.use({ name: "hook", events: ["*"], handle: noting("hook") });
  hooks.on("*", noting("option"), { name: "option" });
  hooks.registry.registerHandler("*", "argument", noting("argument"));
  hooks.on("*", noting("unnamed"));
  hooks.on("*", function named(...args) {
    noting("named function")(...args);
  });
  await hooks.emit("tool.called", BASH);
  const expected = { hook: true, option: true, argument: true, unnamed: false };
  assert.deepEqual(found, { ...expected, "named function": false });
});

test("without a store, context.store is absent and setStorage() is not called", async () => {
  const log: string[] = [];
  const hooks = quietHooks({ use: [storing(log, "a").hook] });
  hooks.on("*", (_event, context) => void log.push(`store: ${"store" in context}`), { name: "b" });
  await hooks.emit("tool.called", BASH);
  assert.deepEqual(log, ["a opens", "a receives tool.called", "store: false"]);
});

test("a scoped store reads and writes under its scope, and returns keys without it", async () => {
  const store = memoryStore();
  const part = await partOf(store, "a");
  await part.set(["k", 1], "one");
  assert.deepEqual(await keysOf(store), [["handler", "a", "k", 1]]);
  const { key, value, versionstamp } = await part.get(["k", 1]);
  assert.deepEqual([key, value, typeof versionstamp], [["k", 1], "one", "string"]);
  const nothing = await part.get(["none"]);
  assert.deepEqual(nothing, { key: ["none"], value: null, versionstamp: null });
  const many = await part.getMany([["none"], ["k", 1]]);
  assert.deepEqual(many.map(({ key, value }) => [key, value]), [[["none"], null], [
    ["k", 1],
    "one",
  ]]);
  await part.delete(["k", 1]);
  assert.deepEqual(await keysOf(store), []);
});

test("list() stays in its scope, whatever the selector", async () => {
  const store = memoryStore();
  const part = await partOf(store, "b");
  for (const name of ["a", "c"]) await (await partOf(store, name)).set(["k", "2"], name);
  for (const n of ["1", "2", "3"]) await part.set(["k", n], n);
  const [one, two, three] = [["k", "1"], ["k", "2"], ["k", "3"]];
  assert.deepEqual(await keysOf(part, { prefix: [] }), [one, two, three]);
  assert.deepEqual(await keysOf(part, { prefix: ["k"] }), [one, two, three]);
  assert.deepEqual(await keysOf(part, { prefix: ["k"], start: two! }), [two, three]);
  assert.deepEqual(await keysOf(part, { prefix: ["k"], end: two! }), [one]);
  assert.deepEqual(await keysOf(part, { start: one!, end: three! }), [one, two]);
});

test("a commit stays in its scope: its checks, its writes, its sums", async () => {
  const store = memoryStore();
  const [a, b] = [await partOf(store, "a"), await partOf(store, "b")];
  const taken = await a.atomic().check({ key: ["k"], versionstamp: null }).set(["k"], 1).sum(
    ["n"],
    1n,
  )
    .commit();
  assert.equal(taken.ok, true);
  assert.deepEqual(await keysOf(store), [["handler", "a", "k"], ["handler", "a", "n"]]);
  const again = a.atomic().check({ key: ["k"], versionstamp: null }).delete(["k"]).commit();
  assert.deepEqual(await again, { ok: false });
  const other = await b.atomic().check({ key: ["k"], versionstamp: null }).delete(["k"]).commit();
  assert.equal(other.ok, true);
  assert.equal((await a.get(["k"])).value, 1);
  await a.atomic().delete(["k"]).commit();
  assert.deepEqual(await keysOf(store), [["handler", "a", "n"]]);
});

test("a scoped store has the limits of its store, and close() leaves the store open", async () => {
  const store = memoryStore();
  const hooks = quietHooks({ store });
  const part = await partOf(store, "a");
  part.close();
  await hooks.close();
  assert.equal(part.limits, store.limits);
  await store.get(["k"]); // it is open
});

const broken = new Error("wrong schema");
const refusing = (log: string[]): Hook =>
  fakeHook(log, "b", {
    setStorage() {
      throw broken;
    },
  });
const named = { code: "hook_init_failed", hook: "b", cause: broken };

test("a setStorage() that throws rejects the registration with the hook's name", async () => {
  const log: string[] = [];
  const hooks = quietHooks({ store: memoryStore() });
  assert.throws(() => hooks.use(fakeHook(log, "a"), refusing(log)), named);
  assert.deepEqual([hooks.registry.hookCount(), hooks.registry.list()], [0, []]);
  hooks.use(fakeHook(log, "b"));
  await hooks.emit("tool.called", BASH);
  assert.deepEqual(log, ["b opens", "b receives tool.called"]);
});

test("other hooks get a store that is set later even if one setStorage() throws", () => {
  const log: string[] = [];
  const hooks = quietHooks({
    use: [storing(log, "a").hook, refusing(log), storing(log, "c").hook],
  });
  assert.throws(() => hooks.registry.setStorage(memoryStore()), named);
  assert.deepEqual(log, ["a is given a store", "c is given a store"]);
});
