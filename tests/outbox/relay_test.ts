import { type AgentEvents, createHooks, type HookEvent } from "@omniagent/hooks";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { idAt, upTo } from "../support/event_ids.ts";

const ID = "0192e4a0-6b2f-7c31-9f10-3a5d6c1e2b47";

function relayed(data: unknown = { name: "bash" }, id = ID): HookEvent {
  return { id, type: "tool.called", timestamp: new Date("2026-04-22T10:30:00Z"), data };
}

/** Hooks over an outbox whose one durable hook notes the ids that it gets. */
function setUp() {
  const store = memoryStore();
  const outbox = createOutbox(store, { logger: silentLogger });
  const hooks = createHooks<AgentEvents>({ logger: silentLogger, outbox });
  const delivered: string[] = [];
  const received: string[] = [];
  hooks.use({
    name: "audit",
    events: ["*"],
    durable: true,
    handle: ({ id }) => void delivered.push(id),
  });
  hooks.on("*", ({ id }) => void received.push(id));
  return { store, outbox, hooks, delivered, received };
}

test("an event that is dispatched twice is stored, handled, and delivered once", async () => {
  const { outbox, hooks, delivered, received } = setUp();
  const first = await hooks.registry.dispatch(relayed());
  const second = await hooks.registry.dispatch(relayed());
  assert.deepEqual(first, { ...first, id: ID, deliveries: 1, duplicate: false });
  assert.deepEqual(second, { id: ID, deliveries: 0, duplicate: true, handlers: [] });
  await hooks.close();
  assert.deepEqual(received, [ID]);
  assert.deepEqual(delivered, [ID]);
  assert.deepEqual((await outbox.getEvent(ID))!.event.data, { name: "bash" });
});

test("an event with the id of a different event is rejected as a conflict, not taken for a duplicate", async () => {
  const { hooks, delivered, received } = setUp();
  const event = relayed({ name: "bash", params: { a: 1, b: [2] } });
  await hooks.registry.dispatch(event);
  const conflict = { code: "idempotency_conflict", message: /event id was used for another event/ };
  for (
    const other of [
      { ...event, data: { name: "another" } },
      { ...event, type: "tool.completed" },
      { ...event, sessionId: "s-2" },
    ]
  ) {
    await assert.rejects(hooks.registry.dispatch(other), conflict);
    await assert.rejects(hooks.registry.dispatch(other, { idempotencyKey: "k" }), conflict);
  }
  const sorted = { ...event, data: { params: { b: [2], a: 1 }, name: "bash" } };
  assert.equal((await hooks.registry.dispatch(sorted)).duplicate, true);
  await hooks.close();
  assert.deepEqual([received, delivered], [[ID], [ID]]);
});

test("a repeated event does not affect others that are emitted at the same time", async () => {
  const { outbox, hooks, delivered } = setUp();
  await hooks.registry.dispatch(relayed());
  const calls = [];
  for (let n = 0; n < 50; n++) {
    calls.push(hooks.emit("tool.called", { name: `${n}` }));
    if (n % 5 === 0) calls.push(hooks.registry.dispatch(relayed()));
  }
  const receipts = await Promise.all(calls);
  const accepted = receipts.filter(({ duplicate }) => !duplicate).map(({ id }) => id);
  assert.equal(accepted.length, 50);
  for (const id of accepted) assert.ok(await outbox.getEvent(id), id);
  while (delivered.length < 51) await outbox.drainOnce({ timeout: 60_000 });
  await hooks.close();
  assert.deepEqual([...delivered].sort(), [ID, ...accepted].sort());
});

test("an event that is in a batch twice is stored once", async () => {
  const { outbox, hooks, delivered } = setUp();
  await hooks.init();
  const to = ["audit"];
  const receipts = await outbox.publish([{ event: relayed(), to }, { event: relayed(), to }]);
  assert.deepEqual(receipts.map(({ id, duplicate }) => [id, duplicate]), [[ID, false], [ID, true]]);
  await hooks.close();
  assert.deepEqual(delivered, [ID]);
  const { state, made } = (await outbox.get("audit", ID))!;
  assert.deepEqual({ state, made }, { state: "delivered", made: 1 });
});

test("a large event that is repeated with other data leaves the first intact", async () => {
  const { outbox, hooks } = setUp();
  const large = (letter: string): HookEvent => relayed({ text: letter.repeat(200_000) });
  await hooks.registry.dispatch(large("a"));
  await assert.rejects(hooks.registry.dispatch(large("b")), { code: "idempotency_conflict" });
  assert.equal((await hooks.registry.dispatch(large("a"))).duplicate, true);
  const { text } = (await outbox.getEvent(ID))!.event.data as { readonly text: string };
  assert.equal(text, "a".repeat(200_000));
  await hooks.close();
});

test("two events with the same id in a batch are rejected unless they are equal", async () => {
  const { outbox } = setUp();
  const batch = (a: unknown, b: unknown) =>
    outbox.publish([{ event: relayed(a), to: [] }, { event: relayed(b), to: [] }]);
  await assert.rejects(batch({ n: 1 }, { n: 2 }), { code: "idempotency_conflict" });
  const receipts = await batch({ n: 1, m: 2 }, { m: 2, n: 1 });
  assert.deepEqual(receipts.map(({ duplicate }) => duplicate), [false, true]);
});

test("a batch accepts as many events with given ids as a commit has checks", async () => {
  const { outbox } = setUp();
  const batchOf = (count: number) =>
    upTo(count).map((n) => ({ event: relayed({}, idAt(1, n)), to: [] }));
  const receipts = await outbox.publish(batchOf(10));
  assert.ok(receipts.every(({ duplicate }) => !duplicate));
  assert.ok((await outbox.publish(batchOf(10))).every(({ duplicate }) => duplicate));
  await assert.rejects(outbox.publish(batchOf(11)), /: 10 checks, .* got 11,/);
});
