import assert from "node:assert/strict";
import type { Hooks } from "@omniagent/hooks";
import { test } from "../harness.ts";
import { type AnyEvents, eventOf, quietHooks } from "./_helpers.ts";

/** Open hooks with a number of handlers that return nothing. */
async function withSyncHandlers(count: number): Promise<Hooks<AnyEvents>> {
  const hooks = quietHooks();
  for (let n = 0; n < count; n++) hooks.on("a", () => {});
  await hooks.init();
  return hooks;
}

/** How many promises are made, by `new` or by a static method, while an action runs. */
function countPromises(action: () => void): number {
  const Native = Promise;
  let count = 0;
  const counted = (method: (...args: unknown[]) => unknown) => (...args: unknown[]) => {
    count++;
    return Reflect.apply(method, Native, args);
  };
  globalThis.Promise = new Proxy(Native, {
    construct: (_, args) => (count++, Reflect.construct(Native, args)),
    get(_, key) {
      const member: unknown = Reflect.get(Native, key);
      return typeof member === "function" && key !== "prototype"
        ? counted(member as (...args: unknown[]) => unknown)
        : member;
    },
  });
  try {
    action();
  } finally {
    globalThis.Promise = Native;
  }
  return count;
}

/** How many turns of the microtask queue pass before a promise is settled. */
async function countMicrotasks(promise: Promise<unknown>): Promise<number> {
  let settled = false;
  let count = 0;
  const note = () => settled = true;
  promise.then(note, note);
  for (; !settled; count++) await null;
  return count;
}

test("sync handlers have run when dispatch() returns, and no microtask ran between them", async () => {
  const calls: string[] = [];
  const hooks = quietHooks();
  for (const name of ["1", "2", "3"]) {
    hooks.on("a", () => {
      calls.push(name);
      queueMicrotask(() => calls.push(`microtask of ${name}`));
    });
  }
  await hooks.init();
  const dispatched = hooks.registry.dispatch(eventOf({ type: "a" }));
  assert.deepEqual(calls, ["1", "2", "3"]);
  await dispatched;
  assert.equal(calls.length, 6);
});

test("no microtask runs between sync handlers, whatever the options of the call and the handlers", async () => {
  const calls: string[] = [];
  const hooks = quietHooks();
  const options = [{}, { timeout: 1000 }, { filter: () => true }, { once: true }, { priority: -1 }];
  for (const option of options) {
    hooks.on("a", () => {
      calls.push("call");
      queueMicrotask(() => calls.push("microtask"));
    }, option);
  }
  await hooks.emit("a", null, { signal: new AbortController().signal });
  assert.deepEqual(calls.slice(0, options.length), options.map(() => "call"));
});

test("sync handlers that follow an awaited one run without a microtask between them", async () => {
  const calls: string[] = [];
  const hooks = quietHooks();
  hooks.on("a", () => Promise.resolve());
  for (const name of ["1", "2"]) {
    hooks.on("a", () => {
      calls.push(name);
      queueMicrotask(() => calls.push("microtask"));
    });
  }
  await hooks.emit("a", null);
  assert.deepEqual(calls.slice(0, 2), ["1", "2"]);
});

test("no promise is made for a handler that returns none", async () => {
  const one = await withSyncHandlers(1);
  const hundred = await withSyncHandlers(100);
  const event = eventOf({ type: "a" });
  const countFor = (hooks: Hooks<AnyEvents>) =>
    countPromises(() => void hooks.registry.dispatch(event));
  countFor(one), countFor(hundred); // the first dispatch of a type makes its plan
  assert.equal(countFor(hundred), countFor(one));
  assert.equal(countFor(one), 1, "the promise that the caller gets");
});

test("a dispatch to a hundred sync handlers settles in as many microtasks as one to a single one", async () => {
  for (const options of [undefined, { signal: new AbortController().signal }]) {
    const [one, hundred] = await Promise.all([1, 100].map(async (count) => {
      const hooks = await withSyncHandlers(count);
      return countMicrotasks(hooks.registry.dispatch(eventOf({ type: "a" }), options));
    }));
    assert.equal(hundred, one);
  }
});
