import assert from "node:assert/strict";
import type { HookEvent } from "@omniagent/hooks";
import type { Publication } from "@omniagent/hooks/outbox";
import { createOutbox, IdempotencyConflictError } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { test } from "../support/harness.ts";

let made = 0;

function publications(...names: string[]): Publication[] {
  return names.map((name) => {
    const number = String(++made).padStart(12, "0");
    const event: HookEvent = {
      id: `0192e4a0-0000-7000-8000-${number}`,
      type: "tool.called",
      timestamp: new Date(),
      data: { name },
    };
    return { fresh: true, event, to: ["audit"] };
  });
}

test("a batch with a known key is a duplicate as a whole, with the ids of the first batch", async () => {
  const outbox = createOutbox(memoryStore());
  const options = { idempotencyKey: "k-1" };
  const names = Array.from({ length: 100 }, (_, index) => `tool-${index}`);
  const first = await outbox.publish(publications(...names), options);
  assert.ok(first.every(({ deliveries, duplicate }) => deliveries === 1 && !duplicate));
  const batch = publications(...names);
  const second = await outbox.publish(batch, options);
  assert.deepEqual(second.map(({ id }) => id), first.map(({ id }) => id));
  assert.ok(second.every(({ duplicate }) => duplicate));
  for (const { event } of batch) assert.equal(await outbox.get("audit", event.id), undefined);
});

test("another batch under a known key is a conflict, wherever it differs, and nothing is stored", async () => {
  const outbox = createOutbox(memoryStore());
  const options = { idempotencyKey: "k-1" };
  await outbox.publish(publications("a", "b", "c"), options);
  const others = [["a", "b", "d"], ["a", "b"], ["a", "b", "c", "d"], ["b", "a", "c"]];
  for (const names of others) {
    const batch = publications(...names);
    await assert.rejects(outbox.publish(batch, options), IdempotencyConflictError);
    for (const { event } of batch) assert.equal(await outbox.get("audit", event.id), undefined);
  }
});

test("two concurrent batches with one key are stored once", async () => {
  const outbox = createOutbox(memoryStore());
  const options = { idempotencyKey: "k-1" };
  const both = await Promise.all([
    outbox.publish(publications("a", "b"), options),
    outbox.publish(publications("a", "b"), options),
  ]);
  const [first, second] = both.map((receipts) => receipts.map(({ id }) => id));
  assert.deepEqual(first, second);
  assert.deepEqual(both.map(([receipt]) => receipt!.duplicate).sort(), [false, true]);
});

test("the keys of events in a batch are ignored when the batch has its own key", async () => {
  const outbox = createOutbox(memoryStore());
  const keyed = (name: string) =>
    publications(name).map((one) => ({ ...one, idempotencyKey: "e" }));
  await outbox.publish(keyed("a"));
  const [receipt] = await outbox.publish(keyed("a"), { idempotencyKey: "k-1" });
  assert.equal(receipt!.duplicate, false);
});

test("an invalid idempotency key is rejected, also for a batch", async () => {
  const outbox = createOutbox(memoryStore());
  for (const idempotencyKey of ["", "ü", "x".repeat(256)]) {
    await assert.rejects(outbox.publish(publications("a"), { idempotencyKey }), {
      code: "event_invalid",
    });
  }
});
