import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { eventOf, quietHooks } from "./_helpers.ts";

test("sync handlers have run when dispatch() returns, without a microtask between them", async () => {
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
