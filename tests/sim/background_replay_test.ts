/** Replays in the background whose process is gone without a word. */
import { memoryStore } from "@omniagent/hooks/testing";
import assert from "node:assert/strict";
import { systemClock } from "../../src/internal/clock.ts";
import { createOutboxIn } from "../../src/outbox/outbox.ts";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { createOutbox } from "@omniagent/hooks/outbox";

test(
  "a replay whose process crashed is continued by another that starts, once its lease has ended",
  async () => {
    const store = memoryStore();
    const options = { logger: silentLogger };
    const crashed = createOutboxIn(
      { ...systemClock, now: () => Date.now() - 60_000 }, // its lease has ended
      // It stores that the replay runs, and then nothing more.
      {
        ...store,
        limits: store.limits,
        get: store.get.bind(store),
        getMany: (keys) =>
          keys.some((key) => key[2] === "replay") ? new Promise(() => {}) : store.getMany(keys),
        list: store.list.bind(store),
        atomic: store.atomic.bind(store),
        close: store.close.bind(store),
      } as typeof store,
      options,
    );
    const { id } = await crashed.replays.start();
    const next = createOutbox(store, options);
    next.start();
    const records = next.records!;
    for (let tries = 0;; tries++) {
      const [record] = await records.get([["replay", id]]); // reading it any other way would continue it
      if ((record!.value as { readonly status: string }).status === "done") break;
      assert.ok(tries < 3000, "it isn't continued");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await next.stop();
  },
  { leaks: true },
);
