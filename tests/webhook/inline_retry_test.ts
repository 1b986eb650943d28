/**
 * Delivery without a queue: the retries of the Go package, and what stops them.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks, DispatchError, type WebhookHook } from "@omniagent/hooks";
import { WebhookError } from "@omniagent/hooks/webhook";
import { rejection } from "../support/failures.ts";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import {
  attempt,
  contextOf,
  EVENT,
  fakeFetch,
  type FakeResponse,
  hookOf,
  inVirtualTime,
  neverResponds,
  settle,
  START,
  withReceiver,
} from "./hook_checks.ts";

/** Delivers an event, and notes what became of it. */
function deliver(hook: WebhookHook, signal?: AbortSignal) {
  const outcome: { error?: unknown; done: boolean } = { done: false };
  const settled = hook.deliver(EVENT, contextOf(signal)).catch((error) => outcome.error = error)
    .then(() => outcome.done = true);
  return { outcome, settled };
}

/** A 429 that asks to wait. */
const busy = (retryAfter: string): FakeResponse => () =>
  new Response(null, { status: 429, headers: { "retry-after": retryAfter } });

for (const retryCount of [0, 1, 2, 5]) {
  test(`retryCount ${retryCount} makes ${retryCount + 1} attempts, each exactly retryDelay after the last`, () =>
    inVirtualTime(async ({ pass }) => {
      const { fetch, requests } = fakeFetch(503);
      const { outcome } = deliver(hookOf({ fetch, retryCount, retryDelay: 700 }));
      for (let n = 1; n <= retryCount; n++) {
        await pass(699);
        assert.equal(requests.length, n);
        await pass(1);
        assert.equal(requests.length, n + 1);
      }
      await pass(0);
      assert.ok(outcome.error instanceof WebhookError);
      assert.equal(outcome.error.attempts.length, retryCount + 1);
      const count = retryCount === 0 ? "1 attempt" : `${retryCount + 1} attempts`;
      const message = `Webhook 'hook' failed after ${count}: the response was 503`;
      assert.equal(outcome.error.message, message);
      assert.deepEqual(requests.map(({ at }) => at - START), requests.map((_, n) => n * 700));
    }));
}

test("the retries end with the first success, a second apart by default", () =>
  inVirtualTime(async ({ pass }) => {
    const { fetch, requests } = fakeFetch(new TypeError("reset"), 500, 200);
    const { outcome } = deliver(hookOf({ fetch, retryCount: 9 }));
    await pass(1000);
    await pass(1000);
    assert.deepEqual(outcome, { done: true });
    assert.deepEqual(requests.map(({ at }) => at - START), [0, 1000, 2000]);
  }));

const waits: readonly (readonly [kind: string, retryAfter: string, wait: number | undefined])[] = [
  ["longer than retryDelay", "20", 20_000],
  ["shorter than retryDelay", "0", 1000],
  ["of 30 s", "30", 30_000],
  ["of 31 s", "31", undefined],
  ["of a year", "31536000", undefined],
  ["until a date", new Date(START + 12_000).toUTCString(), 12_000],
  ["until a date past", new Date(START - 60_000).toUTCString(), 1000],
  ["until a date too far", new Date(START + 31_000).toUTCString(), undefined],
  ["that is garbage", "soon", 1000],
];

for (const [kind, retryAfter, wait] of waits) {
  test(`a Retry-After ${kind} is ${wait ? `${wait} ms` : "the end of it"}`, () =>
    inVirtualTime(async ({ pass }) => {
      const { fetch, requests } = fakeFetch(busy(retryAfter), 200);
      const { outcome } = deliver(hookOf({ fetch, retryCount: 1 }));
      await pass((wait ?? 1) - 1);
      assert.equal(requests.length, 1);
      assert.equal(outcome.done, wait === undefined);
      if (wait === undefined) return assert.ok(outcome.error instanceof WebhookError);
      await pass(1);
      assert.deepEqual(outcome, { done: true });
    }));
}

test("a Retry-After adds no attempt when none is left", () =>
  inVirtualTime(async ({ pass }) => {
    const { fetch, requests } = fakeFetch(busy("5"));
    const { outcome } = deliver(hookOf({ fetch }));
    await pass(60_000);
    assert.deepEqual([requests.length, outcome.done], [1, true]);
  }));

test("each attempt has the whole timeout", () =>
  inVirtualTime(async ({ pass }) => {
    const { fetch, requests } = fakeFetch(neverResponds);
    const { outcome } = deliver(hookOf({ fetch, timeout: 3000, retryCount: 1, retryDelay: 10 }));
    await pass(2999);
    assert.ok(!requests[0]!.request.signal.aborted);
    await pass(1);
    assert.ok(requests[0]!.request.signal.aborted);
    await pass(10);
    await pass(3000);
    assert.deepEqual(requests.map(({ at }) => at - START), [0, 3010]);
    const message = "Webhook 'hook' failed after 2 attempts: it was not complete within 3000 ms";
    assert.equal((outcome.error as Error).message, message);
  }));

test("aborting the dispatch stops an attempt immediately, and no other follows", () =>
  withReceiver([{ hold: "headers" }], async (receiver) => {
    const hook = hookOf({ url: receiver.url, retryCount: 5, retryDelay: 0 });
    const hooks = createHooks({ use: [], logger: silentLogger });
    hooks.use(hook);
    const caller = new AbortController();
    const emitted = hooks.emit("tool.called", { name: "bash" }, { signal: caller.signal });
    await receiver.waitFor(1);
    const reason = new Error("the caller has left");
    caller.abort(reason);
    const { cause } = await rejection(emitted, DispatchError);
    assert.ok(cause instanceof WebhookError);
    assert.equal(cause.message, "Webhook 'hook' failed after 1 attempt: the attempt was aborted");
    assert.equal(cause.cause, reason);
    await receiver.waitFor(({ stats }) => stats.abandoned === 1);
    assert.equal(receiver.requests.length, 1);
    await hooks.close();
  }));

test("aborting the dispatch ends a waiting retry immediately", () =>
  inVirtualTime(async ({ pass }) => {
    const { fetch, requests } = fakeFetch(500);
    const caller = new AbortController();
    const { outcome } = deliver(hookOf({ fetch, retryCount: 1, retryDelay: 9e5 }), caller.signal);
    await pass(1);
    assert.equal(outcome.done, false);
    caller.abort();
    await settle();
    assert.ok(outcome.error instanceof WebhookError);
    await pass(9e5);
    assert.equal(requests.length, 1);
  }));

test("an aborted attempt is neither transformed nor sent", async () => {
  const { fetch, requests } = fakeFetch(200);
  let transformed = 0;
  const hook = hookOf({ fetch, transform: (event) => (transformed++, event), retryCount: 3 });
  const { verdict, error } = await attempt(hook, { signal: AbortSignal.abort() });
  assert.deepEqual([verdict, error], ["retry", "the attempt was aborted"]);
  await settle();
  assert.deepEqual([transformed, requests.length], [0, 0]);
});

test("an attempt is made even if the logger of its warning throws or rejects", async () => {
  const fails = [
    () => assert.fail("the disk is full"),
    () => Promise.reject(new Error("the disk is full")),
  ];
  for (const warn of fails) {
    const { fetch, requests } = fakeFetch(200);
    const hook = hookOf({ fetch, url: "http://hook.example/" });
    const { verdict } = await attempt(hook, { logger: { ...silentLogger, warn } });
    assert.deepEqual([verdict, requests.length], ["delivered", 1]);
  }
});

test("every attempt sends the event as it was when deliver() was called", () =>
  inVirtualTime(async ({ pass }) => {
    const { fetch, requests } = fakeFetch(503);
    const event = { ...EVENT, timestamp: new Date(EVENT.timestamp), data: { list: [1] } };
    const hook = hookOf({ fetch, retryCount: 2, retryDelay: 10 });
    const delivered = hook.deliver(event, contextOf()).catch(() => {});
    for (let n = 0; n < 3; n++) {
      await pass(10);
      event.data.list.push(n);
      event.timestamp.setTime(n);
    }
    await delivered;
    assert.equal(requests.length, 3);
    const bodies = await Promise.all(requests.map(({ request }) => request.text()));
    assert.equal(new Set(bodies).size, 1, String(bodies));
  }));
