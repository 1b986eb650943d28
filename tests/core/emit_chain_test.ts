import assert from "node:assert/strict";
import { DispatchError, EmitDepthError, type HandlerContext, type Hooks } from "@omniagent/hooks";
import { rejection } from "../support/failures.ts";
import { test } from "../support/harness.ts";
import { type AnyEvents, quietHooks } from "./_helpers.ts";

const LIMIT = 16;

/** The error at the end of `cause` after `cause`, and how many there are. */
function deepestCause(error: unknown): { readonly error: unknown; readonly depth: number } {
  let depth = 0;
  for (; error instanceof DispatchError; depth++) error = error.cause;
  return { error, depth };
}

test("context.emit() resolves after the handlers of the emitted event", async () => {
  const calls: string[] = [];
  const hooks = quietHooks();
  hooks.on("a", async (event, context) => {
    calls.push("a begins");
    const receipt = await context.emit("b", event.data, { sessionId: "s" });
    calls.push(`b was received by ${receipt.handlers.length}`);
  });
  hooks.on("a", () => void calls.push("a, next handler"));
  hooks.on("b", ({ data, sessionId }) => void calls.push(`b of ${sessionId}: ${data}`));
  await hooks.emit("a", 7);
  assert.deepEqual(calls, ["a begins", "b of s: 7", "b was received by 1", "a, next handler"]);
});

test("context.emit and context.emitInBackground need no `this`", async () => {
  const received: unknown[] = [];
  const hooks = quietHooks();
  hooks.on("b", ({ data }) => void received.push(data));
  hooks.on("a", async (_, { emit, emitInBackground }) => {
    emitInBackground("b", 2);
    await emit("b", 1);
  });
  await hooks.emit("a", null);
  await hooks.drain();
  assert.deepEqual(received.sort(), [1, 2]);
});

test("an error in a chain rejects the emit() that caused it", async () => {
  const hooks = quietHooks();
  const fault = new Error("no");
  hooks.on("b", () => Promise.reject(fault), { name: "deep" });
  hooks.on("a", (_, context) => context.emit("b", null) as Promise<never>, { name: "outer" });
  const error = await rejection(hooks.emit("a", null), DispatchError);
  assert.deepEqual(deepestCause(error), { error: fault, depth: 2 });
  assert.deepEqual(error.failures.map(({ name }) => name), ["outer"]);
});

const ways: Readonly<Record<string, (hooks: Hooks<AnyEvents>) => Promise<unknown>>> = {
  "emitted": (hooks) => hooks.emit("a", null),
  "emitted with a signal": (hooks) =>
    hooks.emit("a", null, { signal: new AbortController().signal }),
  "dispatched": (hooks) =>
    hooks.registry.dispatch({ id: "1", type: "a", timestamp: new Date(), data: null }),
};

for (const [how, start] of Object.entries(ways)) {
  test(`a chain may have ${LIMIT} events, and the next one fails with the chain in its error (${how})`, async () => {
    let calls = 0;
    const hooks = quietHooks();
    const next: Readonly<Record<string, string>> = { a: "b", b: "c.d", "c.d": "a" };
    hooks.on("*", async ({ type }, context) => {
      calls++;
      await context.emit(next[type]!, null);
    });
    const { error, depth } = deepestCause(await rejection(start(hooks), DispatchError));
    assert.equal(calls, LIMIT);
    assert.equal(depth, LIMIT);
    assert.ok(error instanceof EmitDepthError);
    assert.equal(error.code, "emit_too_deep");
    const chain = Array.from({ length: LIMIT + 1 }, (_, n) => ["a", "b", "c.d"][n % 3]!);
    assert.deepEqual(error.chain, chain);
    assert.equal(
      error.message,
      `Cannot emit 'b': more than ${LIMIT} events cause each other: ${chain.join(" > ")}`,
    );
  });
}

test(`a chain that ends after ${LIMIT} events is not an error`, async () => {
  let calls = 0;
  const hooks = quietHooks();
  hooks.on("a", async ({ data }, context) => {
    calls++;
    if (Number(data) < LIMIT) await context.emit("a", Number(data) + 1);
  });
  await hooks.emit("a", 1);
  assert.equal(calls, LIMIT);
});

test("a handler may emit any number of events, since the limit is one of depth", async () => {
  let received = 0;
  const hooks = quietHooks();
  hooks.on("b", () => void received++);
  hooks.on("a", async (_, context) => {
    for (let n = 0; n < 100; n++) await context.emit("b", n);
  });
  await hooks.emit("a", null);
  assert.equal(received, 100);
});

test("a chain continues through emitInBackground(), and onError gets its EmitDepthError", async () => {
  let calls = 0;
  const reported: unknown[] = [];
  const hooks = quietHooks({ onError: (error) => void reported.push(error) });
  hooks.on("a", (_, context) => {
    calls++;
    context.emitInBackground("a", null);
  });
  await hooks.emit("a", null);
  await hooks.drain();
  assert.equal(calls, LIMIT);
  assert.equal(reported.length, 1);
  assert.ok(reported[0] instanceof EmitDepthError);
  assert.equal(reported[0].chain.length, LIMIT + 1);
});

test("emit() and emitInBackground() count towards the same chain", async () => {
  let calls = 0;
  const hooks = quietHooks();
  hooks.on("a", async (_, context) => {
    if (calls++ % 2) await context.emit("a", null);
    else context.emitInBackground("a", null);
  });
  await hooks.emit("a", null);
  await hooks.drain();
  assert.equal(calls, LIMIT);
});

test("a chain continues through hooks and handlers with a timeout", async () => {
  let calls = 0;
  const hooks = quietHooks();
  const emitAgain = async (_: unknown, context: HandlerContext<AnyEvents>, type: string) => {
    calls++;
    await context.emit(type, null);
  };
  hooks.use({
    name: "hook",
    events: ["a"],
    handle: (event, context) => emitAgain(event, context, "b"),
  });
  hooks.on("b", (event, context) => emitAgain(event, context, "a"), { timeout: 60_000 });
  await rejection(hooks.emit("a", null), DispatchError);
  assert.equal(calls, LIMIT);
});

test("a context that is used after its event continues the chain of the event", async () => {
  const kept: HandlerContext<AnyEvents>[] = [];
  const hooks = quietHooks();
  hooks.on("b", (_, context) => void kept.push(context));
  hooks.on("a", async ({ data }, context) => {
    await context.emit(Number(data) === LIMIT - 1 ? "b" : "a", Number(data) + 1);
  });
  await hooks.emit("a", 1);
  const error = await rejection(kept[0]!.emit("c", null), EmitDepthError);
  assert.equal(error.chain.length, LIMIT + 1);
  assert.equal(error.chain.at(-2), "b");
});

test("hooks.emit() in a handler starts a new chain", async () => {
  let calls = 0;
  const hooks = quietHooks();
  hooks.on("a", async () => {
    if (++calls < 3 * LIMIT) await hooks.emit("a", null);
  });
  await hooks.emit("a", null);
  assert.equal(calls, 3 * LIMIT);
});
