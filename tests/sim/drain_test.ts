/**
 * `drainOnce`: what it waits for, and what it says is left.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { Fixture, MINUTE } from "./fixture.ts";

const BUDGET = { timeout: 20_000 };

/** What resolves, while time passes; and how long it took. */
async function timed<T>(fixture: Fixture, work: Promise<T>, most: number): Promise<[T, number]> {
  const from = fixture.simulation.now;
  let took = 0;
  const [result] = await Promise.all([
    work.finally(() => took = fixture.simulation.now - from),
    fixture.pass(most),
  ]);
  return [result, took];
}

test("drainOnce() continues after another process wins its first claim", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  outbox.register(fixture.target("a"));
  for (let i = 0; i < 6; i++) await fixture.publish(outbox, ["a"]);
  const atomic = fixture.store.atomic.bind(fixture.store);
  let faster = true;
  fixture.store.atomic = () => {
    const operation = atomic();
    const commit = operation.commit.bind(operation);
    operation.commit = async () => {
      if (faster) {
        faster = false;
        for await (const { key, value } of fixture.store.list({ prefix: ["hooks", "due"] })) {
          await atomic().set(key, value).commit();
        }
      }
      return await commit();
    };
    return operation;
  };
  const [result] = await timed(fixture, outbox.drainOnce(BUDGET), MINUTE);
  assert.deepEqual(result, { settled: 6, remaining: false, next: undefined });
});

test("drainOnce() reports remaining deliveries when it can't claim any", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  outbox.register(fixture.target("a"));
  await fixture.publish(outbox, ["a"]);
  const atomic = fixture.store.atomic.bind(fixture.store);
  fixture.store.atomic = () => {
    const operation = atomic();
    operation.commit = () => Promise.reject(new Error("connection lost"));
    return operation;
  };
  const [result, took] = await timed(fixture, outbox.drainOnce(BUDGET), 2 * MINUTE);
  assert.deepEqual([result.settled, result.remaining], [0, true]);
  assert.ok(result.next!.getTime() <= fixture.simulation.now, "something is due");
  assert.ok(took < 30_000, `${took}`);
});

test("drainOnce() continues when the pause of a target ends", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  const well = fixture.simulation.now + 500;
  const respond = () =>
    fixture.simulation.now < well ? { verdict: "retry", error: "503" } as const : undefined;
  outbox.register(fixture.target("a", respond));
  for (let i = 0; i < 60; i++) await fixture.publish(outbox, ["a"]);
  const [result] = await timed(fixture, outbox.drainOnce(BUDGET), MINUTE);
  const { settled, remaining, next } = result;
  assert.deepEqual([settled, remaining], [60, false]);
  assert.ok(next!.getTime() > well, "those that failed are retried later");
});

test("drainOnce() waits for its own attempts, not for those of the worker", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  const attempt = async () => {
    await fixture.simulation.sleep(9_000);
    return { verdict: "delivered", duration: 9_000 } as const;
  };
  outbox.register(fixture.target("slow", undefined, { attempt }));
  outbox.start();
  await fixture.publish(outbox, ["slow"]);
  const [{ settled }, took] = await timed(fixture, outbox.drainOnce({ timeout: 1_000 }), MINUTE);
  assert.equal(settled, 0);
  assert.ok(took <= 1_000, `${took}`);
});

test("drainOnce() warns once about a target whose timeout is longer than its own", async () => {
  const fixture = new Fixture();
  const warnings: unknown[] = [];
  const warn = (what: unknown): void => void warnings.push(what);
  const { outbox } = fixture.open({ logger: { debug() {}, info() {}, warn, error() {} } });
  outbox.register(fixture.target("long", undefined, { timeout: 60_000 }));
  outbox.register(fixture.target("short"));
  for (let i = 0; i < 9; i++) await fixture.publish(outbox, ["long", "short"]);
  const [result] = await timed(fixture, outbox.drainOnce(BUDGET), MINUTE);
  assert.deepEqual([result.settled, result.remaining], [9, true]);
  assert.deepEqual(warnings, [
    "Deliveries to 'long' can't be drained: its timeout of 60000 ms is longer than the drain's of 20000 ms",
  ]);
});

test("drainOnce() rejects without a timeout", async () => {
  const { outbox } = new Fixture().open();
  for (const options of [undefined, null, 5, {}]) {
    await assert.rejects(outbox.drainOnce(options as never), /^TypeError: Cannot drain outbox: /);
  }
});
