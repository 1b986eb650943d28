import { fixedRetry } from "@omniagent/hooks";
import {
  createOutbox,
  type DeliveryListOptions,
  type Outbox,
  OutboxUnavailableError,
} from "@omniagent/hooks/outbox";
import type { Store } from "@omniagent/hooks/store";
import { memoryStore } from "@omniagent/hooks/testing";
import assert from "node:assert/strict";
import { bindStore } from "../support/bind_store.ts";
import { test } from "../support/harness.ts";
import { Random, SEED } from "../support/random.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { idAt, upTo } from "../support/event_ids.ts";

const START = Date.UTC(2026, 0, 1);
const STATES = ["attempted", "dead", "pending"] as const;
const ORDERS = ["oldest", "newest"] as const;

function outboxWith(store: Store, targets: readonly string[]): Outbox {
  const outbox = createOutbox(store, { logger: silentLogger });
  for (const name of targets) {
    outbox.register({
      name,
      timeout: 1000,
      concurrency: 1,
      retry: fixedRetry({ delay: 1000, retries: 1 }),
      attempt: () => Promise.resolve({ verdict: "delivered", duration: 1 }),
    });
  }
  return outbox;
}

/** Stores a delivery as an outbox does that attempted it, gave it up, or has yet to deliver it. */
async function seed(
  store: Store,
  deliveries: readonly { readonly target: string; readonly id: string; readonly at: number }[],
): Promise<void> {
  for (const { target, id, at } of deliveries) {
    const due = { v: 1, until: 0, by: "", claims: 0 };
    await store.atomic()
      .set(["hooks", "delivery", target, id], { v: 1, state: "dead", made: 1, attempts: [] })
      .set(["hooks", "dead", target, id], { v: 1, at, reason: "no", made: 1 })
      .set(["hooks", "due", target, at, id], due)
      .commit();
  }
}

/** All pages of a list. */
async function all(outbox: Outbox, options: DeliveryListOptions): Promise<readonly string[]> {
  const found: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await outbox.listDeliveries({ ...options, cursor });
    assert.ok(page.items.length <= (options.limit ?? 100));
    found.push(...page.items.map(({ target, eventId }) => `${target} ${eventId}`));
    cursor = page.cursor;
  } while (cursor !== undefined);
  return found;
}

test("a time range lists the same deliveries as a filtered full list, for any registered targets", async () => {
  const random = new Random(SEED);
  for (let round = 0; round < 12; round++) {
    const names = ["a", "a-", "a-b", "a1", "a10", "aB", "b", "é", "\u{1F600}", "\uFF5E", "a b", "z"]
      .filter(() => random.chance(0.8));
    const store = memoryStore();
    const deliveries = upTo(random.below(120)).map((n) => {
      const at = START + random.below(60) * 1000;
      // Some ids have no time, and some sort before or after all that do.
      const id = random.chance(0.9) ? idAt(at, n) : `${random.pick(["-", "0", "f", "~"])}${n}`;
      return { target: names[random.below(names.length)] ?? "only", id, at };
    });
    await seed(store, deliveries);
    const outboxes = [[], names, [...names.filter(() => random.chance(0.5)), "c", "aa"]].map(
      (known) => outboxWith(store, known),
    );
    for (const outbox of outboxes) {
      for (let n = 0; n < 25; n++) {
        const [since, until] = upTo(2).map(() =>
          random.chance(0.8) ? new Date(START + random.below(64_000) - 2_000) : undefined
        );
        const options = {
          state: random.pick(STATES),
          order: random.pick(ORDERS),
          target: random.chance(0.2) ? names[0] : undefined,
          limit: random.pick([1, 2, 7, 100]),
        };
        const found = await all(outbox, { ...options, since, until });
        const isIn = (id: string): boolean => {
          if (since === undefined && until === undefined) return true;
          const time = parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
          return id.length === 36 && time >= (since?.getTime() ?? 0) &&
            time < (until?.getTime() ?? Infinity);
        };
        const whole = await all(outbox, options);
        const expected = whole.filter((name) => isIn(name.slice(name.lastIndexOf(" ") + 1)));
        const what = JSON.stringify({ SEED, round, n, names, ...options, since, until });
        assert.deepEqual(found, expected, what);
      }
    }
  }
});

/** Counts the reads of ranges, and how many were in progress at once. */
function countLists(store: Store): { reads: number; most: number } {
  const counted = { reads: 0, most: 0 };
  let now = 0;
  const list = store.list;
  store.list = async function* (...args: Parameters<typeof list>) {
    counted.reads++;
    counted.most = Math.max(counted.most, ++now);
    try {
      await Promise.resolve();
      for await (const entry of list.apply(store, args)) yield entry as never;
    } finally {
      now--;
    }
  } as typeof list;
  return counted;
}

test("a page of a time range without deliveries reads a bounded number of targets, several at once", async () => {
  const targets = upTo(1000).map((n) => `w${n}`);
  const store = memoryStore();
  await seed(
    store,
    targets.flatMap((target, n) =>
      [0, 60].map((at) => {
        const time = START + at * 1000;
        return { target, id: idAt(time, n), at: time };
      })
    ),
  );
  const outbox = outboxWith(store, targets);
  const counted = countLists(store);
  const at = (seconds: number) => new Date(START + seconds * 1000);
  for (const order of ORDERS) {
    for (
      const [since, until, reads] of [
        [at(20), at(40), 2],
        [at(61), undefined, order === "oldest" ? 1 : 2],
        [undefined, at(-1), order === "oldest" ? 2 : 1],
      ] as const
    ) {
      let [cursor, pages]: [string | undefined, number] = [undefined, 0];
      const before = counted.reads;
      do {
        const pageBefore = counted.reads;
        const options = { state: "dead", order, since, until, cursor, limit: 50 } as const;
        const page = await outbox.listDeliveries(options);
        assert.deepEqual(page.items, []);
        assert.ok(counted.reads - pageBefore < 1200, `${counted.reads - pageBefore} reads`);
        cursor = page.cursor;
        pages++;
      } while (cursor !== undefined);
      assert.ok(pages > 1);
      const total = counted.reads - before;
      assert.ok(total <= (reads + 0.1) * targets.length, `${order} ${since} ${until}: ${total}`);
    }
  }
  assert.ok(counted.most > 8, `${counted.most} at once`);
});

test("the only deliveries in a time range are found behind many targets with other deliveries", async () => {
  const targets = upTo(300).map((n) => `w${String(n).padStart(3, "0")}`);
  const store = memoryStore();
  const only = { at: START + 30_000, id: idAt(START + 30_000, 1) };
  await seed(store, [
    ...targets.map((target, n) => ({ target, id: idAt(START, n), at: START })),
    ...[targets[0]!, targets.at(-1)!].map((target) => ({ target, ...only })),
  ]);
  const [since, until] = [new Date(START + 1), new Date(START + 60_000)];
  for (const known of [[], targets, targets.slice(100, 102)]) {
    const outbox = outboxWith(store, known);
    for (const order of ORDERS) {
      const found = await all(outbox, { state: "attempted", order, since, until, limit: 50 });
      const expected = [`w000 ${only.id}`, `w299 ${only.id}`];
      assert.deepEqual(found, order === "oldest" ? expected : expected.toReversed());
    }
  }
});

test("a store that fails while a list reads ahead rejects the list, and nothing else", async () => {
  const inner = memoryStore();
  const names = Array.from({ length: 40 }, (_, n) => `t${String(n).padStart(2, "0")}`);
  const [old, wanted] = [START, START + 1_000_000];
  await seed(
    inner,
    names.map((target) => {
      const at = target === "t10" ? wanted : old;
      return { target, id: idAt(at, 1), at };
    }),
  );
  let isDown = false;
  const store: Store = {
    ...bindStore(inner),
    async *list(...args) {
      if (isDown) throw new Error("connection reset");
      const { start } = args[0] as { readonly start: readonly unknown[] };
      // Other targets are being read ahead while this one is.
      const isWanted = start[2] === "t10" && args[1]?.limit !== 1;
      if (isWanted) isDown = true;
      await new Promise((resolve) =>
        setTimeout(resolve, isWanted ? 60 : `${start[2]}` > "t10" ? 20 : 0)
      );
      if (isDown) throw new Error("connection reset");
      yield* inner.list(...args);
    },
  };
  // A rejection that nobody handles ends the process of a test, on each runtime.
  const list = outboxWith(store, names).listDeliveries({
    state: "attempted",
    since: new Date(wanted),
  });
  await assert.rejects(list, OutboxUnavailableError);
});
