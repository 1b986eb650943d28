/** What 0.2 adds to the API, and options that used to be ignored. */
import assert from "node:assert/strict";
import {
  createHooks,
  decodeEvent,
  DispatchError,
  EventValidationError,
  type Hooks,
} from "@omniagent/hooks";
import { createOutbox, type Outbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { deferred } from "../support/deferred.ts";
import { rejection, thrown } from "../support/failures.ts";
import { test } from "../support/harness.ts";
import { BASH, fakeHook, FakeQueue, fakeWebhook } from "./_fakes.ts";
import { type AnyEvents, eventOf, quietHooks } from "./_helpers.ts";

test("a registration is a function that unregisters, as its two methods do", async () => {
  const ways = [
    (off: ReturnType<Hooks["on"]>) => off(),
    (off: ReturnType<Hooks["on"]>) => off.unregister(),
    (off: ReturnType<Hooks["on"]>) => off[Symbol.dispose](),
  ];
  for (const way of ways) {
    const hooks = quietHooks();
    const off = hooks.on("a", () => assert.fail("called"));
    way(off);
    off(); // again
    assert.equal(hooks.registry.handlerCount("a"), 0);
    await hooks.emit("a", null);
  }
});

test("use() returns registrations that can be called, in the order of its arguments", () => {
  const hooks = quietHooks();
  const [first] = hooks.use(fakeHook([], "a"), fakeWebhook([], "b"));
  first!();
  assert.deepEqual(hooks.registry.list().map(({ name }) => name), ["b"]);
});

test("once() calls a handler for one event, and returns a registration", async () => {
  const received: unknown[] = [];
  const hooks = quietHooks();
  hooks.once("a", ({ data }) => received.push(data), { filter: ({ data }) => data !== 0 });
  hooks.once("a", () => assert.fail("called"))();
  for (const data of [0, 1, 2]) await hooks.emit("a", data);
  assert.deepEqual(received, [1]);
});

test("`logger: false` logs nothing, and failures still reach onError", async () => {
  const { error, warn } = console;
  const logged: unknown[] = [];
  const errors: unknown[] = [];
  console.error = console.warn = (...data: unknown[]) => void logged.push(data);
  try {
    const hooks = createHooks({ logger: false, onError: (error) => void errors.push(error) });
    hooks.on("*", (_, { logger }) => {
      logger.error("not shown");
      throw new Error("no");
    });
    await rejection(hooks.emit("tool.called", BASH), DispatchError);
    await hooks.close();
  } finally {
    Object.assign(console, { error, warn });
  }
  assert.deepEqual([logged, errors.length], [[], 1]);
});

test("hooks.outbox is the outbox that was passed, with its type", async () => {
  const hooks = createHooks({ logger: false, outbox: createOutbox(memoryStore()) });
  const own = createHooks<AnyEvents, Outbox>({
    logger: false,
    outbox: createOutbox(memoryStore()),
  });
  await hooks.emit("tool.called", BASH);
  assert.equal((await hooks.outbox.listEvents()).items.length, 1);
  assert.equal((await own.outbox.listEvents()).items.length, 0);
  const none: Hooks = createHooks();
  assert.equal(none.outbox, undefined);
  await Promise.all([hooks.close(), own.close()]);
});

test("dispatch() rejects a session, which belongs to the event", async () => {
  const hooks = quietHooks();
  const options = { sessionId: "s" } as never;
  const message = "Cannot dispatch 'tool.called': unknown option 'sessionId'. " +
    "Did you mean 'event.sessionId'?";
  await assert.rejects(hooks.registry.dispatch(eventOf(), options), { message });
  hooks.registry.dispatchAsync(eventOf(), options);
  assert.deepEqual(hooks.errors.map((error) => (error as Error).message), [message]);
});

test("emit() and dispatch() pass `waitUntil` a promise that never rejects", async () => {
  const promises: Promise<unknown>[] = [];
  const waitUntil = (promise: Promise<unknown>): void => void promises.push(promise);
  const gate = deferred();
  const hooks = quietHooks();
  hooks.on("a", () => gate.promise);
  await hooks.init();
  const emitted = [
    hooks.emit("a", null, { waitUntil }),
    hooks.registry.dispatch(eventOf({ type: "a" }), { waitUntil }),
  ];
  assert.equal(promises.length, 2);
  gate.reject(new Error("no"));
  for (const one of emitted) await rejection(one, DispatchError);
  await Promise.all(promises);
});

test("a `waitUntil` that throws is reported, and the event is dispatched", async () => {
  const hooks = quietHooks();
  const waitUntil = (): never => {
    throw new Error("no");
  };
  await hooks.emit("a", null, { waitUntil });
  assert.match(String(hooks.errors[0]), /no/);
});

test("schemas in a Map and `once` as text are errors, because they would have no effect", () => {
  const schemas = thrown(() => createHooks({ schemas: new Map() as never }), TypeError);
  assert.match(schemas.message, /^Cannot create hooks: 'schemas' must be a plain object/);
  const once = thrown(() => quietHooks().on("a", () => {}, { once: "false" as never }), TypeError);
  assert.equal(
    once.message,
    "Cannot register handler: 'once' must be true or false, got \"false\"",
  );
});

test("options that are undefined count as omitted", () => {
  const options = { durable: undefined, timeout: undefined, concurrency: undefined };
  const hooks = quietHooks();
  hooks.use({ name: "a", events: ["*"], handle: () => {}, retry: undefined, ...options });
  hooks.on("a", () => {}, { name: undefined, once: undefined, filter: undefined });
  assert.equal(hooks.registry.list().length, 2);
});

test("-0 is 0 in every payload, emitted or decoded", async () => {
  const received: unknown[] = [];
  const hooks = quietHooks();
  hooks.on("a", ({ data }) => void received.push(data));
  await hooks.emit("a", { a: [-0], b: -0 });
  for (const data of ['{ "a": [-0], "b": -0 }', "-0"]) {
    const fields = '"id": "1", "type": "a", "timestamp": "2026-01-01T00:00:00Z"';
    await hooks.registry.dispatch(decodeEvent(`{ ${fields}, "data": ${data} }`));
  }
  assert.deepEqual(received, [{ a: [0], b: 0 }, { a: [0], b: 0 }, 0]);
});

test("emitInBackground() reports errors of getters, and never throws them", () => {
  const hostile = (name: string): never =>
    Object.defineProperty({}, name, {
      enumerable: true,
      get() {
        throw new Error("hostile");
      },
    }) as never;
  const hooks = quietHooks();
  hooks.registry.dispatchAsync(hostile("type"));
  hooks.registry.dispatchAsync(hostile("data"));
  hooks.registry.dispatchAsync(eventOf(), hostile("waitUntil"));
  hooks.emitInBackground("a", null, hostile("sessionId"));
  hooks.dispatcher.emitAsync("a", null, hostile("idempotencyKey"));
  assert.equal(hooks.errors.length, 5);
});

test("two handlers that each emit their own type through their context come to an end", async () => {
  let calls = 0;
  const hooks = quietHooks();
  for (let n = 0; n < 2; n++) {
    hooks.on("a", (_, context) => {
      calls++;
      return context.emit("a", null).catch(() => {});
    });
  }
  await hooks.emit("a", null);
  assert.equal(calls, 2 ** 17 - 2); // 16 events in a chain, two calls for each
});

test("dispatchMany() dispatches every event or none, and names each issue by the index of its event", async () => {
  const received: string[] = [];
  const hooks = quietHooks();
  hooks.on("*", ({ id }) => void received.push(id));
  const events = ["1", "2", "."].map((id) => ({ event: eventOf({ id }) }));
  const { issues } = await rejection(hooks.registry.dispatchMany(events), EventValidationError);
  assert.deepEqual(issues.map(({ path }) => path), [[2, "id"]]);
  assert.deepEqual(received, []);
  const receipts = await hooks.registry.dispatchMany(events.slice(0, 2));
  assert.deepEqual([receipts.map(({ id }) => id), received], [["1", "2"], ["1", "2"]]);
});

test("dispatchMany() stores a batch at once, and a failed handler is in the receipt of its event", async () => {
  const outbox = new FakeQueue();
  const hooks = quietHooks({ outbox, use: [fakeWebhook([], "w")] });
  const accepted: unknown[] = [];
  hooks.on("*", ({ id }) => {
    assert.equal(accepted.length, 1, "accepted before the first handler runs");
    if (id === "1") throw new Error("no");
  }, { name: "h" });
  const batch = ["1", "2"].map((id) => ({ event: eventOf({ id }), fresh: id === "1" }));
  const receipts = await hooks.registry.dispatchMany(batch, {
    onAccepted: (receipts) => void accepted.push(receipts),
  });
  assert.deepEqual(outbox.batches.map((batch) => batch.map(({ fresh }) => fresh)), [[true, false]]);
  assert.deepEqual(receipts.map(({ deliveries, handlers }) => [deliveries, handlers[0]!.ok]), [
    [1, false],
    [1, true],
  ]);
  await hooks.close();
});
