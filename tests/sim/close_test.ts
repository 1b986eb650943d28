/**
 * `close` and `stop`, while an event is being stored.
 * @module
 */
import assert from "node:assert/strict";
import { createEventIdAt } from "../../src/internal/uuid.ts";
import { createHooks } from "../../src/core/mod.ts";
import { createOutboxIn } from "../../src/outbox/outbox.ts";
import { WebhookHook } from "../../src/webhook/mod.ts";
import { systemClock } from "../../src/internal/clock.ts";
import { memoryStore } from "../../src/testing/memory_store.ts";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { Fixture } from "./fixture.ts";

/** Makes every commit wait for `gate`. */
function hold(store: ReturnType<typeof memoryStore>, gate: () => Promise<void>): void {
  const atomic = store.atomic.bind(store);
  store.atomic = () => {
    const operation = atomic();
    const commit = operation.commit.bind(operation);
    operation.commit = async () => (await gate(), await commit());
    return operation;
  };
}

test("an event stored while the outbox stops is not attempted, and its lease is released", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  outbox.register(fixture.target("a"));
  outbox.start();
  await fixture.publish(outbox, ["a"]);
  await fixture.pass(1_000);
  hold(fixture.store, () => fixture.simulation.sleep(100));
  const id = createEventIdAt(fixture.simulation.now);
  const event = { id, type: "tool.called", timestamp: new Date(fixture.simulation.now), data: {} };
  const published = outbox.publish([{ event, to: ["a"] }]);
  await fixture.pass(50);
  const stopped = outbox.stop();
  await fixture.pass(5_000);
  await Promise.all([published, stopped]);
  assert.equal(fixture.sent("a").length, 1);
  const { items: [pending] } = await outbox.listDeliveries({ state: "pending" });
  assert.equal(pending?.leasedUntil, undefined);
  assert.notEqual(pending, undefined);
});

test("close() waits for deliveries of the last events", async () => {
  const store = memoryStore();
  let commits = 0;
  let open = (): void => {};
  let reach = (): void => {};
  const opened = new Promise<void>((resolve) => open = resolve);
  const reached = new Promise<void>((resolve) => reach = resolve);
  const outbox = createOutboxIn(systemClock, store, { logger: silentLogger });
  const hooks = createHooks({ outbox, logger: silentLogger });
  hooks.use(
    new WebhookHook({
      name: "w",
      events: ["*"],
      url: "https://example.com",
      fetch: () => {
        throw new Error("nothing is sent any more");
      },
    }),
  );
  await hooks.init();
  await outbox.drainOnce({ timeout: 1_000 }); // it wrote what it writes at first
  let first = true;
  hold(store, async () => {
    const wait = first ? opened : new Promise((resolve) => setTimeout(resolve));
    first = false;
    reach();
    await wait;
    commits++;
  });
  const emitted = hooks.emit("tool.called", { name: "bash" });
  await reached;
  const closed = hooks.close();
  await new Promise((resolve) => setTimeout(resolve));
  open();
  await Promise.all([emitted, closed]);
  const atClose = commits;
  const { items: [pending] } = await outbox.listDeliveries({ state: "pending" });
  assert.equal(pending?.leasedUntil, undefined);
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(commits, atClose);
  store.close();
});
