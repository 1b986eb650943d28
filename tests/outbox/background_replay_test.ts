import { fixedRetry } from "@omniagent/hooks";
import type { Store } from "@omniagent/hooks/store";
import {
  type Attempt,
  type BackgroundReplay,
  createOutbox,
  type Outbox,
  ReplayLimitError,
} from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import assert from "node:assert/strict";
import { deferred } from "../support/deferred.ts";
import { test } from "../support/harness.ts";
import { losingResponse } from "../support/losing_response.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { eventAt, idAt, START, upTo } from "../support/event_ids.ts";

/** How long a test waits for something, in milliseconds. */
const LIMIT = 60_000;

/** An outbox whose one target gives up at once, with this many dead letters. */
async function withDeadLetters(
  count: number,
  store: Store = memoryStore(),
): Promise<{ readonly outbox: Outbox; readonly store: Store }> {
  const outbox = createOutbox(store, { logger: silentLogger });
  outbox.register({
    name: "audit",
    timeout: 1000,
    concurrency: 64,
    retry: fixedRetry({ delay: 0, retries: 0 }),
    attempt: (): Promise<Attempt> =>
      Promise.resolve({ verdict: "final", duration: 1, error: "no" }),
  });
  for (let from = 0; from < count; from += 100) {
    const events = upTo(Math.min(100, count - from)).map((n) =>
      eventAt(from + n, (from + n) % 2 === 0 ? "tool.called" : "agent.end")
    );
    await outbox.publish(events.map((event) => ({ fresh: true, event, to: ["audit"] })));
  }
  while ((await outbox.drainOnce({ timeout: LIMIT })).settled > 0);
  return { outbox, store };
}

/** Returns a replay once it has ended. */
async function ended(outbox: Outbox, id: string): Promise<BackgroundReplay> {
  const end = performance.now() + LIMIT;
  for (;;) {
    const replay = await outbox.replays.get(id);
    assert.ok(replay);
    if (replay.status !== "running") return replay;
    assert.ok(performance.now() < end, `still running: ${JSON.stringify(replay)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Returns a store that keeps its reads of dead letters waiting until it is let go. */
function holding(store: Store): {
  readonly store: Store;
  hold(): { readonly reached: Promise<void>; release(): void };
} {
  let gate: { reached: () => void; released: Promise<void> } | undefined;
  const held: Store = {
    ...store,
    limits: store.limits,
    get: store.get.bind(store),
    getMany: store.getMany.bind(store),
    atomic: store.atomic.bind(store),
    close: store.close.bind(store),
    async *list(selector, options) {
      const { start = [], end = [] } = selector as {
        start?: readonly unknown[];
        end?: readonly unknown[];
      };
      if (gate && [start[1], end[1]].includes("dead")) {
        gate.reached();
        await gate.released;
      }
      yield* store.list(selector, options);
    },
  } as Store;
  return {
    store: held,
    hold() {
      const [reached, released] = [deferred(), deferred()];
      gate = { reached: reached.resolve, released: released.promise };
      const release = (): void => {
        gate = undefined;
        released.resolve();
      };
      return { reached: reached.promise, release };
    },
  };
}

test("a background replay replays what its filter matches, and reports its counts", async () => {
  const { outbox } = await withDeadLetters(250);
  const started = await outbox.replays.start({ target: "audit", type: "agent.*" });
  assert.equal(started.status, "running");
  assert.deepEqual(started.filter, { target: "audit", state: "dead", type: "agent.*" });
  const { total, seen, replayed, refused, status, endedAt } = await ended(outbox, started.id);
  assert.deepEqual({ total, seen, replayed, refused, status }, {
    total: 250,
    seen: 250,
    replayed: 125,
    refused: 0,
    status: "done",
  });
  assert.ok(endedAt! >= started.startedAt);
  assert.deepEqual((await outbox.replays.list()).map(({ id }) => id), [started.id]);
  assert.equal((await outbox.stats())[0]!.dead, 125);
  await outbox.stop();
});

test("another process lists a replay, and continues it once its process has stopped", async () => {
  const { outbox: first, store } = await withDeadLetters(40);
  const held = holding(store);
  const one = createOutbox(held.store, { logger: silentLogger });
  const pause = held.hold();
  const { id } = await one.replays.start();
  await pause.reached;
  const seen = await first.replays.get(id);
  assert.deepEqual([seen?.status, seen?.seen], ["running", 0]);
  const stopped = one.stop();
  pause.release();
  await stopped;
  // It stopped before its end: the next process continues it.
  const { status, seen: all, replayed } = await ended(first, id);
  assert.deepEqual([status, all, replayed], ["done", 40, 40]);
  await first.stop();
});

test("a canceled replay stops, and its progress is kept", async () => {
  const { outbox, store } = await withDeadLetters(30);
  const held = holding(store);
  const one = createOutbox(held.store, { logger: silentLogger });
  const { id } = await one.replays.start({ state: "delivered" }); // nothing is
  assert.equal((await ended(one, id)).status, "done");

  const pause = held.hold();
  const running = await one.replays.start();
  await pause.reached;
  assert.equal((await outbox.replays.cancel(running.id))?.status, "canceled");
  pause.release();
  await one.stop();
  const { status, replayed, endedAt } = (await outbox.replays.get(running.id))!;
  assert.deepEqual([status, replayed], ["canceled", 0]);
  assert.ok(endedAt);
  assert.equal((await outbox.replays.cancel(running.id))?.status, "canceled");
  assert.equal((await outbox.stats())[0]!.dead, 30);
  await outbox.stop();
});

test("a replay starts once, although the response to its commit is lost", async () => {
  const { outbox, store } = await withDeadLetters(10);
  const losing = losingResponse(store, (key) => key.includes("replay"));
  const one = createOutbox(losing.store, { logger: silentLogger });
  const { id } = await one.replays.start();
  assert.equal(losing.lost(), 1);
  assert.equal((await ended(one, id)).replayed, 10);
  assert.deepEqual((await one.replays.list()).map((replay) => replay.id), [id]);
  await one.stop();
  await outbox.stop();
});

test("startReplay() validates the filter, the id, and the number of running replays", async () => {
  const { outbox } = await withDeadLetters(1);
  await assert.rejects(outbox.replays.start({ type: "tool.*.x" }), {
    message: /'type' must be a type such as/,
  });
  await assert.rejects(outbox.replays.start({ budgetMs: 1 } as never), TypeError);
  await assert.rejects(outbox.replays.list({ limit: 101 }), RangeError);
  assert.equal(await outbox.replays.get("nothing"), undefined);
  assert.equal(await outbox.replays.cancel(idAt(START, 1)), undefined);

  for (const n of upTo(20)) {
    await outbox.records!.put({ key: ["replaying", idAt(START, n)], value: { v: 1 } });
  }
  await assert.rejects(outbox.replays.start(), ReplayLimitError);
  await outbox.stop();
});
