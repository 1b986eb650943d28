import assert from "node:assert/strict";
import { StoreError } from "../../src/store/mod.ts";
import { Keys } from "../../src/outbox/records.ts";
import type { Clock } from "../../src/internal/clock.ts";
import { StoreClient } from "../../src/outbox/store_client.ts";
import { StoreHealth } from "../../src/outbox/store_health.ts";
import { OutboxUnavailableError } from "../../src/outbox/mod.ts";
import { memoryStore } from "../../src/testing/memory_store.ts";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { Fixture, MINUTE } from "./fixture.ts";

/** A store whose commits fail on demand, and a clock. */
function fixture() {
  const state = { now: 0, error: undefined as Error | undefined, probes: [] as number[] };
  const store = memoryStore();
  const failing = {
    ...store,
    atomic: () => {
      const draft = store.atomic();
      const { set } = draft;
      return Object.assign(draft, {
        set: (...args: Parameters<typeof set>) => {
          state.probes.push(JSON.stringify(args[1]).length);
          return set.apply(draft, args);
        },
        commit: () =>
          state.error === undefined
            ? Promise.resolve({ ok: true as const, versionstamp: "1" })
            : Promise.reject(state.error),
      });
    },
  };
  const clock: Clock = {
    now: () => state.now,
    random: () => 0.5,
    setTimer: (milliseconds, callback) => {
      if (milliseconds < 1500) {
        state.now += milliseconds;
        queueMicrotask(callback);
      }
      return () => {};
    },
  };
  const retention = { head: 1, rest: 2, seen: 1 };
  const client = new StoreClient(failing, new Keys("hooks"), clock, retention);
  const health = new StoreHealth(client);
  return { state, health };
}

test("readiness recovers by itself: it probes once a second while commits fail, with no traffic", async () => {
  const { state, health } = fixture();
  state.error = new StoreError("full", "full");
  await assert.rejects(health.check(), (error: OutboxUnavailableError) => error.stored === false);
  assert.equal(state.probes.length, 1);
  state.now += 500;
  await assert.rejects(health.check(), OutboxUnavailableError);
  assert.equal(state.probes.length, 1);
  state.error = undefined;
  state.now += 500;
  await health.check();
  assert.equal(state.probes.length, 2);
  state.now += 4_999;
  await health.check();
  assert.equal(state.probes.length, 2);
  state.now += 1;
  await health.check();
  assert.equal(state.probes.length, 3);
});

test("after a publish that failed, a probe writes as much as an event may need", async () => {
  const { state, health } = fixture();
  await health.check();
  health.note({ ok: "unknown", cause: undefined, stored: false });
  await health.check();
  assert.ok(state.probes[0]! < 100 && state.probes[1]! > 32_000);
  // It is believed again.
  state.now += 5_000;
  await health.check();
  assert.ok(state.probes[2]! < 100);
});

test("a commit that fails for an unknown reason may have been stored", async () => {
  const { state, health } = fixture();
  state.error = new Error("connection reset");
  await assert.rejects(
    health.check(),
    (error: OutboxUnavailableError) => error.stored === "unknown",
  );
});

test("on a full disk the outbox neither spins nor floods the log, and continues once there is space", async () => {
  const fixture = new Fixture();
  const warnings: string[] = [];
  const warn = (text: unknown): void => void warnings.push(String(text));
  const { outbox } = fixture.open({ logger: { ...silentLogger, warn } });
  outbox.register(fixture.target("audit"));
  for (let n = 0; n < 5; n++) await fixture.publish(outbox, ["audit"]);
  const begin = fixture.store.atomic.bind(fixture.store);
  let isFull = true;
  let commits = 0;
  Object.assign(fixture.store, {
    atomic: () => {
      const draft = begin();
      const commit = draft.commit.bind(draft);
      return Object.assign(draft, {
        commit: () => {
          commits++;
          return isFull ? Promise.reject(new StoreError("full", "full")) : commit();
        },
      });
    },
  });
  outbox.start();
  await fixture.pass(10 * MINUTE);
  assert.ok(commits > 10 && commits < 3 * 10 * 60, `${commits} commits in 10 minutes`);
  assert.ok(warnings.length > 0 && warnings.length <= 11, warnings.join("\n"));
  assert.match(warnings[0]!, /^The outbox could not lease deliveries/);
  assert.equal(fixture.seen.length, 0);
  isFull = false;
  await fixture.pass(2 * MINUTE);
  assert.equal(fixture.seen.length, 5);
});
