import {
  type AgentEvents,
  createHooks,
  fixedRetry,
  type Hook,
  type HookEvent,
  type HooksOptions,
  scheduleRetry,
  WebhookHook,
} from "@omniagent/hooks";
import { createOutbox, isOutbox, type Outbox, type OutboxOptions } from "@omniagent/hooks/outbox";
import { memoryStore, WebhookReceiver } from "@omniagent/hooks/testing";
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

const BASH = { name: "bash" };
const AT_ONCE = fixedRetry({ delay: 0, retries: 3, jitter: 0 });

/** A hook that is called until a number of calls was made; `calls` resolves with its events then. */
function counting(name: string, until: number, options: Partial<Hook> = {}) {
  const received: { readonly event: HookEvent; readonly attempt: number }[] = [];
  let enough!: () => void;
  const calls = new Promise<void>((resolve) => enough = resolve);
  const handle: Hook["handle"] = async (event, context) => {
    received.push({ event, attempt: context.attempt });
    try {
      await options.handle?.(event, context);
    } finally {
      if (received.length >= until) enough();
    }
  };
  const hook: Hook = { name, events: ["*"], durable: true, retry: AT_ONCE, ...options, handle };
  return { hook, received, calls };
}

/** Hooks over an outbox over a store in memory; everything is closed at the end. */
async function withOutbox(
  options: HooksOptions & { readonly outboxOptions?: OutboxOptions },
  body: (
    hooks: ReturnType<typeof createHooks<AgentEvents>>,
    outbox: Outbox,
    store: ReturnType<typeof memoryStore>,
  ) => Promise<void>,
): Promise<void> {
  const { outboxOptions, ...others } = options;
  const store = memoryStore();
  const outbox = createOutbox(store, { logger: silentLogger, ...outboxOptions });
  const hooks = createHooks({ logger: silentLogger, ...others, outbox });
  try {
    await body(hooks, outbox, store);
  } finally {
    await hooks.close();
  }
}

/** Waits until a delivery has a state: settling follows the attempt. */
async function settled(outbox: Outbox, target: string, id: string) {
  for (;;) {
    const delivery = await outbox.get(target, id);
    if (delivery && delivery.state !== "pending") return delivery;
    await new Promise((resolve) => setTimeout(resolve));
  }
}

test("a durable hook that throws is called again, with the attempt's number, until it succeeds", async () => {
  let left = 2;
  const { hook, received, calls } = counting("audit", 3, {
    handle() {
      if (left-- > 0) throw new Error("busy");
    },
  });
  await withOutbox({ use: [hook] }, async (hooks, outbox) => {
    const receipt = await hooks.emit("tool.called", BASH, { sessionId: "s-1" });
    assert.deepEqual([receipt.deliveries, receipt.duplicate, receipt.handlers], [1, false, []]);
    await calls;
    assert.deepEqual(received.map(({ attempt }) => attempt), [1, 2, 3]);
    assert.deepEqual(received.map(({ event }) => event.id), Array(3).fill(receipt.id));
    assert.deepEqual(received[2]!.event.sessionId, "s-1");
    assert.deepEqual({ ...received[2]!.event.data as object }, BASH);
    const { state, made, attempts } = await settled(outbox, "audit", receipt.id);
    assert.deepEqual([state, made], ["delivered", 3]);
    assert.deepEqual(attempts.map(({ verdict }) => verdict), ["retry", "retry", "delivered"]);
    assert.deepEqual(attempts.map(({ error }) => error), ["busy", "busy", undefined]);
  });
});

test("a delivery becomes a dead letter after its last retry, and its log has the reason", async () => {
  const { hook, calls } = counting("audit", 4, {
    handle: () => {
      throw new Error("never");
    },
  });
  await withOutbox({ use: [hook] }, async (hooks, outbox, store) => {
    const { id } = await hooks.emit("tool.called", BASH);
    await calls;
    const { state, made, attempts } = await settled(outbox, "audit", id);
    assert.deepEqual([state, made, attempts.at(-1)!.error], ["dead", 4, "never"]);
    const dead = await store.get(["hooks", "dead", "audit", id]);
    assert.equal((dead.value as { reason: string }).reason, "never");
  });
});

test("a webhook is retried in the background, under one id, until it responds with 2xx", async () => {
  const receiver = await WebhookReceiver.start({ status: 503, times: 2 }, { status: 204 });
  const webhook = new WebhookHook({
    name: "billing",
    events: ["tool.*"],
    url: receiver.url,
    retry: AT_ONCE,
    filter: { "data.name": "bash" },
  });
  try {
    await withOutbox({ use: [webhook] }, async (hooks, outbox) => {
      const { id, deliveries } = await hooks.emit("tool.called", BASH);
      const other = await hooks.emit("tool.called", { name: "web" });
      assert.deepEqual([deliveries, other.deliveries], [1, 0]);
      assert.equal((await settled(outbox, "billing", id)).made, 3);
      const ids = receiver.requests.map(({ headers }) => headers.get("webhook-id"));
      assert.deepEqual(ids, [id, id, id]);
    });
  } finally {
    await receiver.close();
  }
});

test("an event is redacted and stored before handlers run", async () => {
  const seen: unknown[] = [];
  const redact = (event: HookEvent): HookEvent => ({ ...event, data: { name: "***" } });
  const { hook, received, calls } = counting("audit", 1);
  await withOutbox({ use: [hook], redact }, async (hooks, _outbox, store) => {
    hooks.on("tool.called", async (event) => {
      const { value } = await store.get(["hooks", "event", event.id]);
      seen.push(event.data.name, (value as { event: { data: unknown } }).event.data);
    });
    await hooks.emit("tool.called", BASH);
    await calls;
    assert.deepEqual(seen, ["bash", { name: "***" }]);
    assert.deepEqual({ ...received[0]!.event.data as object }, { name: "***" });
  });
});

test("a second emit() with the same key is a duplicate, which calls no handler and is delivered once", async () => {
  let handled = 0;
  const { hook, received, calls } = counting("audit", 1);
  await withOutbox({ use: [hook] }, async (hooks) => {
    hooks.on("tool.called", () => void handled++);
    const options = { idempotencyKey: "k-1" };
    const first = await hooks.emit("tool.called", BASH, options);
    const second = await hooks.emit("tool.called", BASH, options);
    assert.deepEqual(second, { id: first.id, deliveries: 0, duplicate: true, handlers: [] });
    await assert.rejects(hooks.emit("tool.called", { name: "web" }, options), {
      name: "IdempotencyConflictError",
      code: "idempotency_conflict",
    });
    await calls;
    assert.deepEqual([handled, received.length], [1, 1]);
  });
});

test("an event larger than one value is stored in chunks, and one over 256 KiB is rejected", async () => {
  const { hook, received, calls } = counting("audit", 1);
  await withOutbox({ use: [hook] }, async (hooks, outbox, store) => {
    const content = '日本語 "quoted" \u{1f600}\n'.repeat(8000);
    const { id } = await hooks.emit("message.received", { role: "user", content });
    await calls;
    assert.equal((received[0]!.event.data as { content: string }).content, content);
    assert.equal((await settled(outbox, "audit", id)).state, "delivered");
    const huge = "x".repeat(262_144);
    await assert.rejects(hooks.emit("message.received", { role: "user", content: huge }), {
      name: "StoreLimitError",
      message: /an event must be at most 262144 bytes as JSON, got \d+$/,
    });
    let events = 0;
    for await (const _ of store.list({ prefix: ["hooks", "event"] })) events++;
    assert.equal(events, 1);
  });
});

test("an undelivered event is delivered by the next process, or by drainOnce() alone", async () => {
  const store = memoryStore();
  const { hook, received } = counting("audit", 1);
  const publisher = createOutbox(store);
  publisher.register({
    name: "audit",
    timeout: 1000,
    concurrency: 1,
    retry: AT_ONCE,
    attempt: () => assert.fail("it was not started"),
  });
  const event = { id: "e-1", type: "tool.called", timestamp: new Date(), data: BASH };
  await publisher.publish([{ event, to: ["audit"] }]);
  assert.equal((await publisher.get("audit", "e-1"))?.state, "pending");
  assert.equal(await publisher.get("other", "e-1"), undefined);

  const outbox = createOutbox(store);
  const hooks = createHooks({ logger: silentLogger, outbox, use: [hook] });
  const tooShort = await outbox.drainOnce({ timeout: 500 });
  assert.deepEqual([tooShort.settled, tooShort.remaining], [0, true]);
  const enough = await outbox.drainOnce({ timeout: 60_000 });
  assert.deepEqual(enough, { settled: 1, remaining: false, next: undefined });
  assert.deepEqual(received.map(({ event }) => event.id), ["e-1"]);
  assert.equal((await outbox.get("audit", "e-1"))?.state, "delivered");
  await hooks.close(); // its hooks were opened, and with them its worker was started
});

test("emit() and drainOnce() with a closed store fail immediately, with the reason", async () => {
  for (const used of [false, true]) {
    const store = memoryStore();
    const outbox = createOutbox(store, { logger: silentLogger });
    const hooks = createHooks({ logger: silentLogger, outbox });
    if (used) await hooks.emit("tool.called", BASH);
    store.close();
    const start = performance.now();
    const expected = { name: "TypeError", message: "Cannot use the store: it is closed" };
    await assert.rejects(hooks.emit("tool.called", BASH), expected);
    await assert.rejects(outbox.drainOnce({ timeout: 60_000 }), expected);
    await assert.rejects(outbox.listEvents(), expected);
    assert.ok(performance.now() - start < 5_000, "it was tried again and again");
    await hooks.close();
  }
});

test("events without a target are stored, unless eventLog is false", async () => {
  for (const eventLog of [true, false]) {
    await withOutbox({ outboxOptions: { eventLog } }, async (hooks, _outbox, store) => {
      const { id, deliveries } = await hooks.emit("tool.called", BASH);
      const { versionstamp } = await store.get(["hooks", "event", id]);
      assert.deepEqual([deliveries, versionstamp !== null], [0, eventLog]);
    });
  }
});

test("createOutbox() rejects a retention, a name, and a format that it can't support", async () => {
  const day = 24 * 60 * 60 * 1000;
  const outbox = createOutbox(memoryStore(), { retention: day });
  const target = { name: "a", timeout: 1, concurrency: 1, attempt: () => assert.fail() };
  const long = { ...target, retry: scheduleRetry([day], { jitter: 0 }) };
  assert.throws(
    () => outbox.register(long),
    /'retention' must be at least twice its retry schedule/,
  );
  const { unregister } = outbox.register({ ...target, retry: AT_ONCE });
  assert.throws(() => outbox.register({ ...target, retry: AT_ONCE }), /the name is taken/);
  unregister();

  const store = memoryStore();
  await store.set(["hooks", "meta"], { v: 99 });
  const newer = createOutbox(store);
  const event = { id: "e-1", type: "a", timestamp: new Date(), data: 1 };
  await assert.rejects(newer.publish([{ event, to: [] }]), /format 99/);
});

test("isOutbox() returns true only for an outbox", () => {
  const outbox = createOutbox(memoryStore());
  assert.deepEqual([isOutbox(outbox), isOutbox({ ...outbox }), isOutbox(undefined)], [
    true,
    false,
    false,
  ]);
  assert.equal(isOutbox(createHooks({ outbox }).outbox), true);
});
