import assert from "node:assert/strict";
import { DispatchError, type HookEvent } from "@omniagent/hooks";
import { rejection } from "../support/failures.ts";
import { test } from "../support/harness.ts";
import { quietHooks, recorded, testBothWays } from "./_helpers.ts";

testBothWays("a filter skips the handler, which the receipt then does not name", async (emit) => {
  const { calls, hooks, on } = recorded();
  on("1");
  hooks.on("a", () => void calls.push("even"), {
    name: "even",
    filter: ({ data }) => Number(data) % 2 === 0,
  });
  on("2");
  assert.deepEqual((await emit(hooks, 1)).handlers.map(({ name }) => name), ["1", "2"]);
  assert.deepEqual((await emit(hooks, 2)).handlers.map(({ name }) => name), ["1", "even", "2"]);
  assert.deepEqual(calls, ["1", "2", "1", "even", "2"]);
});

testBothWays(
  "a filter that throws fails its handler, which is not called",
  async (emit) => {
    const { calls, hooks, on } = recorded();
    const fault = new Error("no such field");
    const filter = () => {
      throw fault;
    };
    hooks.on("a", () => void calls.push("filtered"), { name: "filtered", filter });
    on("next");
    const { failures } = await rejection(emit(hooks), DispatchError);
    assert.deepEqual(failures, [{ name: "filtered", ok: false, error: fault }]);
    assert.deepEqual(calls, ["next"]);
  },
);

testBothWays("'filter' and 'handle' of a hook are called as its methods", async (emit) => {
  class Even {
    readonly name = "even";
    readonly events = ["a"];
    received: unknown[] = [];
    filter({ data }: { data: unknown }): boolean {
      return this.name === "even" && Number(data) % 2 === 0;
    }
    handle({ data }: { data: unknown }): void {
      this.received.push(data);
    }
  }
  const even = new Even();
  const hooks = quietHooks({ use: [even] });
  for (const n of [1, 2, 3, 4]) await emit(hooks, n);
  assert.deepEqual(even.received, [2, 4]);
});

test("every handler is given the same event, which is frozen", async () => {
  const received: unknown[] = [];
  const hooks = quietHooks();
  for (let n = 0; n < 2; n++) hooks.on("a", (event) => void received.push(event));
  const { id } = await hooks.emit("a", { n: 1 }, { sessionId: "s" });
  assert.equal(received[0], received[1]);
  assert.ok(Object.isFrozen(received[0]));
  const { timestamp, ...rest } = received[0] as HookEvent;
  assert.deepEqual(rest, { id, type: "a", data: { n: 1 }, sessionId: "s" });
  assert.ok(timestamp instanceof Date);
});

testBothWays(
  "the receipt has the outcome of every handler that ran, in the order of the calls",
  async (emit) => {
    const hooks = quietHooks();
    const fault = new Error("no");
    hooks.on("a", () => {}, { name: "sync" });
    hooks.on("a", () => Promise.resolve(), { name: "async" });
    hooks.on("a", () => {}, { name: "skipped", filter: () => false });
    hooks.on("a", () => Promise.reject(fault), { name: "rejects" });
    hooks.on("a", () => {}, { name: "first", priority: 1 });
    const { receipt } = await rejection(emit(hooks), DispatchError);
    const { id, ...rest } = receipt;
    assert.match(id, /^[0-9a-f-]{36}$/);
    assert.deepEqual(rest, {
      deliveries: 0,
      duplicate: false,
      handlers: [
        { name: "first", ok: true },
        { name: "sync", ok: true },
        { name: "async", ok: true },
        { name: "rejects", ok: false, error: fault },
      ],
    });
  },
);
