/**
 * What attempts record is truncated to the limits of the store, and a rejected one affects no other.
 * @module
 */
import assert from "node:assert/strict";
import { createEventIdAt } from "../../src/internal/uuid.ts";
import { keepAttempts } from "../../src/outbox/records.ts";
import { test } from "../support/harness.ts";
import { Fixture, MINUTE } from "./fixture.ts";

/** Every commit takes 5 ms. */
function slow({ store, simulation }: Fixture): void {
  const atomic = store.atomic.bind(store);
  store.atomic = () => {
    const operation = atomic();
    const commit = operation.commit.bind(operation);
    operation.commit = async () => (await simulation.sleep(5), await commit());
    return operation;
  };
}

test("a long error is truncated, and doesn't affect other deliveries in the same commit", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  const long = { verdict: "retry", error: "x".repeat(200_000) } as const;
  outbox.register(fixture.target("long", () => long));
  outbox.register(fixture.target("fine"));
  outbox.start();
  const id = await fixture.publish(outbox, ["long", "fine"]);
  await fixture.pass(10 * MINUTE);
  assert.equal((await outbox.get("fine", id))?.made, 1);
  const { state, made, attempts } = (await outbox.get("long", id))!;
  assert.deepEqual([state, made], ["dead", 3]);
  assert.equal(attempts.at(-1)!.error!.length, 1_998);
  const { items: [dead] } = await outbox.listDeliveries({ state: "dead" });
  assert.equal(dead!.reason!.length, 1_998);
});

test("the log of a delivery has at most 16 KiB, whatever the responses", () => {
  const texts = ["x", "\u0000", "語", "😀", '"'];
  const attempts = texts.map((text, at) => ({
    verdict: "retry" as const,
    duration: 1,
    status: 500,
    retryAfter: 1_000,
    error: text.repeat(50_000),
    response: text.repeat(4_096),
    at,
  }));
  let kept = keepAttempts([]);
  for (const attempt of attempts) {
    kept = keepAttempts([...kept, attempt]);
    const text = JSON.stringify(kept);
    assert.ok(new TextEncoder().encode(text).length <= 16 * 1024, `${text.length}`);
    assert.equal(kept.at(-1)!.at, attempt.at);
    assert.ok(kept.at(-1)!.response!.length > 400);
    assert.ok(text.isWellFormed());
  }
  assert.deepEqual(keepAttempts([{ ...attempts[0]!, error: "no", response: "y".repeat(4_096) }]), [
    { ...attempts[0]!, error: "no", response: "y".repeat(4_096) },
  ]);
});

test("an outcome that the store rejects is logged, and others in its commit are settled", async () => {
  const fixture = new Fixture();
  const warnings: string[] = [];
  const logger = {
    debug() {},
    info() {},
    warn: (what: unknown) => void warnings.push(String(what)),
    error() {},
  };
  const { outbox } = fixture.open({ logger });
  slow(fixture); // so that settles share commits
  // What JSON can't carry: the package never creates it, but a custom target may.
  outbox.register(fixture.target("odd", () => ({ status: 1n as unknown as number })));
  outbox.register(fixture.target("fine"));
  outbox.start();
  const ids = Array.from({ length: 4 }, (_, i) => createEventIdAt(fixture.simulation.now + i));
  const timestamp = new Date(fixture.simulation.now);
  const batch = ids.map((id) => ({
    event: { id, type: "tool.called", timestamp, data: {} },
    to: ["fine", "odd"],
  }));
  await Promise.all([outbox.publish(batch), fixture.pass(1_000)]);
  for (const id of ids) assert.equal((await outbox.get("fine", id))?.state, "delivered");
  assert.match(warnings.join(), /rejected the outcome of \d deliveries/);
  assert.match(warnings.join(), /rejected the outcome of a delivery to 'odd'/);
});
