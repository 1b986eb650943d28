/**
 * What one process stores and another delivers: at once where the store wakes it, else at the next poll.
 * Over virtual time.
 * @module
 */
import assert from "node:assert/strict";
import type { StoreWake } from "../../src/store/mod.ts";
import { test } from "../support/harness.ts";
import { Fixture, MINUTE } from "./fixture.ts";

/** Two processes whose store wakes all of them, or loses the signal. */
function twoProcesses({ loses = false } = {}) {
  const fixture = new Fixture();
  const listeners = new Set<() => void>();
  const count = { signals: 0 };
  const wake: StoreWake = {
    signal() {
      count.signals++;
      if (!loses) listeners.forEach((listener) => fixture.simulation.sleep(5).then(listener));
    },
    listen(onWake) {
      listeners.add(onWake);
      return () => listeners.delete(onWake);
    },
  };
  Object.assign(fixture.store, { wake });
  const [publisher, worker] = [fixture.open().outbox, fixture.open().outbox];
  return { fixture, count, listeners, publisher, worker };
}

test("an event for a target of another process is delivered within 100 ms of a signal", async () => {
  const { fixture, count, publisher, worker } = twoProcesses();
  worker.register(fixture.target("a"));
  worker.start();
  await fixture.pass(10 * MINUTE); // by now it looks once a minute
  const start = fixture.simulation.now;
  await fixture.publish(publisher, ["a"]);
  await fixture.pass(100);
  assert.equal(fixture.seen.length, 1);
  assert.ok(fixture.seen[0]!.at - start < 100);
  assert.equal(count.signals, 1);
});

test("after a lost signal, the other process delivers at its next poll", async () => {
  const { fixture, publisher, worker } = twoProcesses({ loses: true });
  worker.register(fixture.target("a"));
  worker.start();
  await fixture.pass(10 * MINUTE);
  await fixture.publish(publisher, ["a"]);
  await fixture.pass(100);
  assert.equal(fixture.seen.length, 0);
  await fixture.pass(2 * MINUTE);
  assert.equal(fixture.seen.length, 1);
});

test("storing a delivery with a lease sends no signal", async () => {
  const { fixture, count, publisher } = twoProcesses();
  publisher.register(fixture.target("a"));
  publisher.start();
  for (let n = 0; n < 10; n++) {
    await fixture.publish(publisher, ["a"]);
    await fixture.pass(100);
  }
  assert.deepEqual([fixture.seen.length, count.signals], [10, 0]);
});

test("retry(), replay() and enable() wake the process that has the target", async () => {
  const { fixture, publisher, worker } = twoProcesses();
  let isDown = true;
  const retry = { delay: () => undefined, total: 0 };
  worker.register(
    fixture.target("a", () => isDown ? { verdict: "retry" } : undefined, { retry }),
  );
  worker.start();
  const id = await fixture.publish(publisher, ["a"]);
  await fixture.pass(10 * MINUTE);
  assert.equal((await publisher.get("a", id))?.state, "dead");
  isDown = false;
  const deliveredBy = async (action: () => Promise<unknown>): Promise<void> => {
    const before = fixture.seen.length;
    await Promise.all([action(), fixture.pass(150)]);
    assert.equal(fixture.seen.length, before + 1);
    await fixture.pass(10 * MINUTE);
  };
  await deliveredBy(() => publisher.replay({ target: "a", timeout: 1_000 }));
  await deliveredBy(() => publisher.retry("a", id));
  await Promise.all([publisher.disable("a"), fixture.pass(10 * MINUTE)]);
  await fixture.publish(publisher, ["a"]);
  await fixture.pass(10 * MINUTE);
  await deliveredBy(() => publisher.enable("a"));
});

test("stop() gives leased deliveries back, and stops listening for signals", async () => {
  const { fixture, count, listeners, publisher, worker } = twoProcesses();
  // It only ends when it is aborted.
  const attempt = (_: unknown, { signal }: { readonly signal: AbortSignal }) =>
    new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  publisher.register(fixture.target("a", undefined, { attempt }));
  publisher.start();
  worker.start();
  await fixture.publish(publisher, ["a"]);
  await fixture.pass(1_000);
  worker.register(fixture.target("a"));
  assert.deepEqual([fixture.seen.length, listeners.size], [0, 2]);
  const before = count.signals;
  await Promise.all([publisher.stop(), fixture.pass(4_000)]);
  assert.equal(listeners.size, 1);
  assert.ok(count.signals > before);
  assert.equal(fixture.seen.length, 1);
});
