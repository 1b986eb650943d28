import assert from "node:assert/strict";
import { DispatchError } from "@omniagent/hooks";
import { deferred } from "../support/deferred.ts";
import { rejection } from "../support/failures.ts";
import { test } from "../support/harness.ts";
import { quietHooks, recorded, settleMicrotasks, testBothWays } from "./_helpers.ts";

testBothWays("emit() calls handlers in the order of their registration", async (emit) => {
  const { calls, hooks, on } = recorded();
  for (const name of ["1", "2", "3"]) on(name);
  await emit(hooks);
  assert.deepEqual(calls, ["1", "2", "3"]);
});

testBothWays(
  "emit() calls a higher priority first, equals in the order of registration",
  async (emit) => {
    const { calls, hooks, on } = recorded();
    const priorities = [0, 5, -1, 5, Infinity, 0, -Infinity, 0.5, Infinity];
    priorities.forEach((priority, n) => on(`${priority}#${n}`, priority));
    await emit(hooks);
    assert.deepEqual(
      calls,
      ["Infinity#4", "Infinity#8", "5#1", "5#3", "0.5#7", "0#0", "0#5", "-1#2", "-Infinity#6"],
    );
  },
);

test("the order is the same across exact types, prefixes, '*', and hooks", async () => {
  const calls: string[] = [];
  const hooks = quietHooks();
  const call = (name: string) => () => void calls.push(name);
  hooks.on("*", call("all"));
  hooks.on("a.b", call("exact"));
  hooks.use({ name: "hook", events: ["a.*"], handle: call("hook") });
  hooks.on("a.*", call("first"), { priority: 1 });
  hooks.on("a.*", call("prefix"));
  await hooks.emit("a.b", null);
  assert.deepEqual(calls, ["first", "all", "exact", "hook", "prefix"]);
});

testBothWays(
  "a handler that is unregistered during a dispatch is called in it, and not in the next",
  async (emit) => {
    const { calls, hooks, on } = recorded();
    hooks.on("a", () => later.unregister());
    const later = on("later");
    await emit(hooks);
    assert.deepEqual(calls, ["later"]);
    await emit(hooks);
    assert.deepEqual(calls, ["later"]);
  },
);

testBothWays(
  "a handler that is registered during a dispatch is first called in the next",
  async (emit) => {
    for (const pause of [undefined, Promise.resolve()]) {
      const { calls, hooks, on } = recorded();
      const first = hooks.on("a", () => {
        on("new", 1);
        first.unregister();
        return pause;
      });
      on("old");
      await emit(hooks);
      assert.deepEqual(calls, ["old"]);
      await emit(hooks);
      assert.deepEqual(calls, ["old", "new", "old"]);
    }
  },
);

testBothWays(
  "a handler that unregisters itself does not skip the next one",
  async (emit) => {
    const { calls, hooks, on } = recorded();
    on("1");
    const self = hooks.on("a", () => {
      calls.push("self");
      self.unregister();
    });
    on("2");
    on("3");
    await emit(hooks);
    await emit(hooks);
    assert.deepEqual(calls, ["1", "self", "2", "3", "1", "2", "3"]);
  },
);

test("an event that a handler emits is received by what the handler has just registered", async () => {
  const { calls, hooks, on } = recorded();
  const outer = hooks.on("a", async () => {
    outer.unregister();
    on("new");
    await hooks.emit("a", null);
    calls.push("emitted");
  });
  await hooks.emit("a", null);
  assert.deepEqual(calls, ["new", "emitted"]);
});

testBothWays(
  "unregister() called twice removes one registration, even if the function has another",
  async (emit) => {
    let calls = 0;
    const hooks = quietHooks();
    const handler = () => void calls++;
    const first = hooks.on("a", handler);
    hooks.on("a", handler);
    await emit(hooks);
    assert.equal(calls, 2);
    first.unregister();
    first[Symbol.dispose]();
    await emit(hooks);
    assert.equal(calls, 3);
  },
);

test("a hook or a handler that receives overlapping patterns is called once", async () => {
  const calls: string[] = [];
  const hooks = quietHooks();
  const events = ["a.b.c", "*", "a.*", "a.b.*", "a.b.c"];
  hooks.use({ name: "hook", events, handle: () => void calls.push("hook") });
  hooks.on(events, () => void calls.push("handler"));
  const { handlers } = await hooks.emit("a.b.c", null);
  assert.deepEqual(calls, ["hook", "handler"]);
  assert.equal(handlers.length, 2);
});

testBothWays("handlers after one that returns a promise wait for it", async (emit) => {
  const { calls, hooks, on } = recorded();
  const gate = deferred();
  on("1");
  hooks.on("a", async () => {
    calls.push("2 begins");
    await gate.promise;
    calls.push("2 ends");
  });
  on("3");
  const emitted = emit(hooks).then(() => calls.push("emitted"));
  await settleMicrotasks();
  assert.deepEqual(calls, ["1", "2 begins"]);
  gate.resolve();
  await emitted;
  assert.deepEqual(calls, ["1", "2 begins", "2 ends", "3", "emitted"]);
});

testBothWays(
  "a thenable is awaited like a promise, and an error of its `then` is a failure",
  async (emit) => {
    const { calls, hooks, on } = recorded();
    const gate = deferred();
    const then = gate.promise.then.bind(gate.promise);
    hooks.on("a", () => ({ then }) as never);
    hooks.on("a", () => ({ then: () => assert.fail("then") }) as never, { name: "throws" });
    on("last");
    const emitted = emit(hooks);
    await settleMicrotasks();
    assert.deepEqual(calls, []);
    gate.resolve();
    const { failures } = await rejection(emitted, DispatchError);
    assert.deepEqual(failures.map(({ name }) => name), ["throws"]);
    assert.deepEqual(calls, ["last"]);
  },
);

test("the first events are received in the order in which they were emitted, also without init()", async () => {
  const received: unknown[] = [];
  const hooks = quietHooks();
  hooks.on("a", ({ data }) => void received.push(data));
  await Promise.all([1, 2, 3].map((n) => hooks.emit("a", n)));
  assert.deepEqual(received, [1, 2, 3]);
});
