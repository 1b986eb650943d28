/** Replays in the background whose process is gone without a word. */
import type { Store } from "@omniagent/hooks/store";
import { memoryStore } from "@omniagent/hooks/testing";
import assert from "node:assert/strict";
import { type Clock, systemClock } from "../../src/internal/clock.ts";
import { createOutboxIn } from "../../src/outbox/outbox.ts";
import { test } from "../support/harness.ts";
import { losingResponse } from "../support/losing_response.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { createOutbox, type Outbox } from "@omniagent/hooks/outbox";
import { until } from "../support/until.ts";
import { Fixture, MINUTE } from "./fixture.ts";

const options = { logger: silentLogger };

test(
  "a replay whose process crashed is continued by a new process once its lease expires",
  async () => {
    const store = memoryStore();
    // Its lease has ended.
    const id = await startAndCrash(store, { ...systemClock, now: () => Date.now() - 60_000 });
    const next = createOutbox(store, options);
    next.start();
    await until(async () => await statusOf(next, id) === "done", "it to be continued");
    await next.stop();
  },
  { leaks: true },
);

test("a replay whose process crashed is continued by a process that was idle when it started", async () => {
  const fixture = new Fixture();
  const { outbox: idle } = fixture.open();
  idle.start();
  await fixture.pass(10 * MINUTE);
  const { process } = fixture.open();
  const id = await startAndCrash(fixture.store, process.clock);
  process.kill();
  await fixture.pass(30_000);
  assert.equal(await statusOf(idle, id), "running"); // its process may still live
  await fixture.pass(6 * MINUTE);
  assert.equal(await statusOf(idle, id), "done");
});

test("a replay is taken over at once, although the response to that commit is lost", async () => {
  const fixture = new Fixture();
  const losing = losingResponse(fixture.store, (key) => key.includes("replay"));
  const { process } = fixture.open();
  const other = createOutboxIn(process.clock, losing.store, options);
  const crashed = fixture.open().process;
  const id = await startAndCrash(fixture.store, crashed.clock);
  crashed.kill();
  other.start();
  await fixture.pass(100_000); // it looks at once, after 45 s and after 90 s; the lease ends after 45 s
  assert.equal(losing.lost(), 1);
  assert.equal(await statusOf(other, id), "done");
});

/** Starts a replay, in a process that then does nothing more. Resolves to its id. */
async function startAndCrash(store: Store, clock: Clock): Promise<string> {
  const crashing = {
    ...store,
    limits: store.limits,
    get: store.get.bind(store),
    getMany: (keys) =>
      keys.some((key) => key[2] === "replay") ? new Promise(() => {}) : store.getMany(keys),
    list: store.list.bind(store),
    atomic: store.atomic.bind(store),
    close: store.close.bind(store),
  } as typeof store;
  const { id } = await createOutboxIn(clock, crashing, options).replays.start();
  return id;
}

/** Returns the status of a replay from its record: reading it any other way would continue it. */
async function statusOf({ records }: Outbox, id: string): Promise<string> {
  const [record] = await records!.get([["replay", id]]);
  return (record!.value as { readonly status: string }).status;
}
