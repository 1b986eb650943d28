/// <reference lib="deno.unstable" />
/**
 * Lists, replay and stats over the databases of stores: their ranges, bounds and sums.
 * @module
 */
import { openKv } from "@deno/kv";
import { fixedRetry } from "@omniagent/hooks";
import type { Publication } from "@omniagent/hooks/outbox";
import type { Store } from "@omniagent/hooks/store";
import { KvStore, openStore } from "@omniagent/hooks/kv";
import { createOutbox } from "@omniagent/hooks/outbox";
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { denokvUrl, hasDenokv, TOKEN } from "../support/kv_connect/denokv.ts";
import { startKvConnect } from "../support/kv_connect/server.ts";
import { idAt, START } from "../support/event_ids.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { emptied } from "../support/kv_connect/clients.ts";

const EVENTS = 25;
/** A timer of `@deno/kv` in memory holds no 30 days. */
const RETENTION = 10 * 24 * 60 * 60 * 1000;

type Opened = { readonly store: Store; readonly end?: () => Promise<void> };

const stores: Readonly<Record<string, () => Promise<Opened>>> = {
  "Deno KV": async () => ({ store: await openStore(":memory:") }),
  "@deno/kv": async () => {
    const kv = await openKv(":memory:", { implementation: "in-memory" });
    return { store: new KvStore(kv, { ownsKv: true }) };
  },
  "KV Connect": async () => {
    Deno.env.set("DENO_KV_ACCESS_TOKEN", TOKEN);
    const server = startKvConnect();
    return { store: await openStore(server.url), end: () => server.close() };
  },
  ...hasDenokv("lists, replay and stats over a real denokv") && {
    denokv: async () => ({ store: await emptied(await openStore(denokvUrl)) }),
  },
};

function publicationAt(n: number): Publication {
  const id = idAt(START + n * 1000, n);
  const type = n % 5 ? "tool.called" : "job.executed";
  const event = { id, type, timestamp: new Date(START), data: n };
  return { fresh: true, event, to: ["a", "b"] };
}

/** The items of a list, page by page. */
async function all<Item>(
  page: (cursor: string | undefined) => Promise<{ items: readonly Item[]; cursor?: string }>,
): Promise<readonly Item[]> {
  const items: Item[] = [];
  let cursor: string | undefined;
  do {
    const next = await page(cursor);
    items.push(...next.items);
    cursor = next.cursor;
  } while (cursor !== undefined);
  return items;
}

for (const [name, open] of Object.entries(stores)) {
  test(`lists, replay and stats are the same over ${name}`, async () => {
    const { store, end } = await open();
    try {
      const outbox = createOutbox(store, { logger: silentLogger, retention: RETENTION });
      let well = false;
      for (const name of ["a", "b"]) {
        outbox.register({
          name,
          timeout: 1000,
          concurrency: 8,
          retry: fixedRetry({ delay: 0, retries: 0 }),
          attempt: () => Promise.resolve({ verdict: well ? "delivered" : "final", duration: 1 }),
        });
      }
      await outbox.publish(Array.from({ length: EVENTS }, (_, n) => publicationAt(n)));
      await outbox.drainOnce({ timeout: 30_000 });
      const [since, until] = [3, 20].map((n) => new Date(START + n * 1000));
      for (const order of ["newest", "oldest"] as const) {
        const options = { order, since, until, limit: 4, type: "tool.*" };
        const items = await all((cursor) => outbox.listEvents({ ...options, cursor }));
        const numbers = items.map(({ event }) => event.data as number);
        const expected = [3, 4, 6, 7, 8, 9, 11, 12, 13, 14, 16, 17, 18, 19];
        assert.deepEqual(numbers, order === "oldest" ? expected : expected.reverse());
      }
      const dead = (target?: string) =>
        all((cursor) => outbox.listDeliveries({ state: "dead", limit: 7, target, cursor }));
      assert.deepEqual([(await dead()).length, (await dead("b")).length], [2 * EVENTS, EVENTS]);
      const range = { target: "b", since, until, timeout: 30_000 };
      assert.deepEqual(await outbox.replay(range), { replayed: 17, refused: 0 });
      assert.deepEqual((await dead("b")).length, EVENTS - 17);
      const pending = await all((cursor) =>
        outbox.listDeliveries({ state: "pending", limit: 5, cursor })
      );
      assert.equal(pending.length, 17);
      well = true;
      await outbox.drainOnce({ timeout: 30_000 });
      const stats = (await outbox.stats()).map(
        ({ target, delivered, dead, pending, failed }) => {
          return [target, delivered, dead, pending, failed];
        },
      );
      assert.deepEqual(stats, [["a", 0, EVENTS, 0, EVENTS], ["b", 17, EVENTS - 17, 0, EVENTS]]);
      const attempted = await all((cursor) =>
        outbox.listDeliveries({ state: "attempted", limit: 9, cursor })
      );
      assert.equal(
        new Set(attempted.map(({ target, eventId }) => target + eventId)).size,
        2 * EVENTS,
      );
    } finally {
      store.close();
      await end?.();
    }
  });
}
