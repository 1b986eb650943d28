import type { HookEvent } from "@omniagent/hooks";
import type { Publication } from "@omniagent/hooks/outbox";
import type { Store } from "@omniagent/hooks/store";
import { createOutbox, type EventListOptions, type Outbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import assert from "node:assert/strict";
import { bindStore } from "../support/bind_store.ts";
import { test } from "../support/harness.ts";
import { idAt, upTo } from "../support/event_ids.ts";

const START = Date.UTC(2026, 7, 1);

/** An event whose id was made `n` seconds after the start. */
function eventAt(n: number, type = "tool.called", sessionId?: string): HookEvent {
  const id = idAt(START + n * 1000, n);
  const timestamp = new Date(START + n * 1000);
  return { id, type, timestamp, data: { n }, ...(sessionId ? { sessionId } : {}) };
}

async function publishAll(outbox: Outbox, events: readonly HookEvent[]): Promise<void> {
  for (let i = 0; i < events.length; i += 100) {
    const batch: Publication[] = events.slice(i, i + 100).map((event) => ({
      fresh: true,
      event,
      to: [],
    }));
    await outbox.publish(batch);
  }
}

/** An outbox with events at these seconds. */
async function withEvents(events: readonly HookEvent[], store: Store = memoryStore()) {
  const outbox = createOutbox(store);
  await publishAll(outbox, events);
  return { outbox, store };
}

const numberOf = ({ data }: HookEvent): number => (data as { readonly n: number }).n;
const at = (n: number): Date => new Date(START + n * 1000);

/** The numbers of a list, page by page. */
async function pagesOf(outbox: Outbox, options: EventListOptions): Promise<number[][]> {
  const pages: number[][] = [];
  let cursor: string | undefined;
  do {
    const page = await outbox.listEvents({ ...options, cursor });
    pages.push(page.items.map(({ event }) => numberOf(event)));
    cursor = page.cursor;
  } while (cursor !== undefined);
  return pages;
}

test("listEvents() returns events newest first, or oldest first, page by page", async () => {
  const { outbox } = await withEvents(upTo(7).map((n) => eventAt(n)));
  assert.deepEqual(await pagesOf(outbox, { limit: 3 }), [[6, 5, 4], [3, 2, 1], [0]]);
  assert.deepEqual(await pagesOf(outbox, { limit: 3, order: "oldest" }), [[0, 1, 2], [3, 4, 5], [
    6,
  ]]);
  assert.deepEqual(await pagesOf(outbox, { limit: 7 }), [[6, 5, 4, 3, 2, 1, 0]]);
  const { outbox: empty } = await withEvents([]);
  assert.deepEqual(await empty.listEvents(), { items: [] });
});

test("listEvents() returns an event as it is sent, when it was accepted, and its targets", async () => {
  const { outbox } = await withEvents([]);
  const event = eventAt(1, "tool.called", "s-1");
  const before = Date.now();
  await outbox.publish([{ fresh: true, event, to: ["a", "b"] }]);
  const { items: [stored] } = await outbox.listEvents();
  assert.deepEqual({ ...stored!.event, data: { ...stored!.event.data as object } }, event);
  assert.deepEqual(stored!.targets, ["a", "b"]);
  assert.ok(stored!.acceptedAt.getTime() >= before && stored!.acceptedAt.getTime() <= Date.now());
  assert.deepEqual(await outbox.getEvent(event.id), stored);
  for (const none of [eventAt(2).id, "", "a b", "x".repeat(5000)]) {
    assert.equal(await outbox.getEvent(none), undefined);
  }
});

test("listEvents() with a time range reads no other events, and skips ids without a time", async () => {
  const { outbox, store } = await withEvents(upTo(100).map((n) => eventAt(n)));
  const event = { ...eventAt(500), id: "e-1" };
  await outbox.publish([{ fresh: true, event, to: [] }]);
  let read = 0;
  const counting: Store = {
    ...bindStore(store),
    async *list(selector, options) {
      for await (const entry of store.list<never>(selector, options)) {
        read++;
        yield entry;
      }
    },
  };
  const list = (options: EventListOptions) => pagesOf(createOutbox(counting), options);
  assert.deepEqual(await list({ since: at(10), until: at(13) }), [[12, 11, 10]]);
  assert.deepEqual(await list({ since: at(10), until: at(13), limit: 2, order: "oldest" }), [
    [10, 11],
    [12],
  ]);
  assert.ok(read < 10, `${read} were read`);
  assert.deepEqual(await list({ since: at(98) }), [[99, 98]]);
  assert.deepEqual(await list({ until: at(1) }), [[0]]);
  assert.deepEqual(await list({ since: at(13), until: at(10) }), [[]]);
  assert.deepEqual(await list({ since: at(10), until: at(10), limit: 1 }), [[]]);
  assert.equal((await list({})).flat()[0], 500);
});

test("listEvents() by type and session returns short pages instead of reading for long", async () => {
  const events = upTo(2_500).map((n) =>
    eventAt(n, n % 1000 === 7 ? "job.executed" : "tool.called", n % 2 ? "odd" : undefined)
  );
  const { outbox } = await withEvents(events);
  assert.deepEqual(await pagesOf(outbox, { type: "job.executed" }), [[2007], [1007], [7]]);
  assert.deepEqual(await pagesOf(outbox, { type: "job.*", sessionId: "odd" }), [[2007], [1007], [
    7,
  ]]);
  assert.deepEqual(await pagesOf(outbox, { type: "job.*", sessionId: "even" }), [[], [], []]);
  const { items } = await outbox.listEvents({ sessionId: "odd", limit: 3 });
  assert.deepEqual(items.map(({ event }) => numberOf(event)), [2499, 2497, 2495]);
  assert.deepEqual(await pagesOf(outbox, { type: "tool", until: at(100) }), [[]]);
});

test("listEvents() repeats and misses none while others are stored and deleted", async () => {
  const { outbox, store } = await withEvents(upTo(300).map((n) => eventAt(2 * n)));
  for (const order of ["newest", "oldest"] as const) {
    const seen: number[] = [];
    let cursor: string | undefined;
    let n = 601;
    do {
      const page = await outbox.listEvents({ limit: 7, order, cursor });
      seen.push(...page.items.map(({ event }) => numberOf(event)));
      cursor = page.cursor;
      for (const other of [1, 150, 300, 450, 599, n]) {
        const event = eventAt(other + (other % 2 ? 0 : 1));
        await outbox.publish([{ fresh: true, event, to: [] }]);
        await store.delete(["hooks", "event", event.id]);
      }
      await outbox.publish([{ event: eventAt(n += 2), to: [] }]);
    } while (cursor !== undefined && seen.length < 1000);
    assert.equal(new Set(seen).size, seen.length);
    const here = seen.filter((n) => n < 600 && n % 2 === 0);
    assert.equal(here.length, 300);
  }
});

test("listEvents() reads events in chunks, and skips what it can't read", async () => {
  const { outbox, store } = await withEvents([eventAt(1), eventAt(2), eventAt(3), eventAt(4)]);
  const large = { ...eventAt(5), data: { n: 5, text: '日本語 "\u{1f600}\n'.repeat(8000) } };
  const torn = { ...eventAt(6), data: large.data };
  await publishAll(outbox, [large, torn]);
  await store.delete(["hooks", "chunk", torn.id, 1]);
  await store.set(["hooks", "event", eventAt(2).id], { v: 1, to: [], at: 1, event: { id: "x" } });
  await store.set(["hooks", "event", eventAt(3).id], "nonsense");
  await store.set(["hooks", "event", eventAt(4).id], { v: 2, to: [], at: 1, event: {} });
  const { items } = await outbox.listEvents();
  assert.deepEqual(items.map(({ event }) => numberOf(event)), [5, 1]);
  assert.deepEqual({ ...items[0]!.event.data as object }, large.data);
  assert.equal(await outbox.getEvent(torn.id), undefined);
  assert.equal(await outbox.getEvent(eventAt(3).id), undefined);
});

test("listEvents() rejects unknown options and cursors of other lists", async () => {
  const { outbox } = await withEvents(upTo(3).map((n) => eventAt(n)));
  const { cursor } = await outbox.listEvents({ limit: 1, type: "tool.*" });
  const other = await outbox.listDeliveries({ state: "dead" });
  assert.equal(other.cursor, undefined);
  const refused: readonly (readonly [unknown, string, RegExp])[] = [
    [
      { limit: 0 },
      "RangeError",
      /'limit' must be at least 1, got 0/,
    ],
    [{ limit: 1001 }, "RangeError", /'limit'/],
    [{ limit: "5" }, "TypeError", /'limit'/],
    [{ session: "s-1" }, "TypeError", /unknown option 'session'. Did you mean 'sessionId'\?/],
    [{ order: "up" }, "TypeError", /'order' must be "newest" or "oldest", got "up"/],
    [{ type: "Tool" }, "TypeError", /'type' must be a type such as/],
    [{ sessionId: 5 }, "TypeError", /'sessionId' must be a non-empty string/],
    [{ since: "now" }, "TypeError", /'since' must be a valid Date/],
    [{ until: new Date(NaN) }, "TypeError", /'until' must be a valid Date/],
    [{ cursor: "" }, "TypeError", /'cursor' must come from this list/],
    [{ cursor: "nonsense" }, "TypeError", /'cursor' must come from this list/],
    [{ cursor: 5 }, "TypeError", /'cursor' must come from this list/],
    [{ cursor: btoa("[1,[],[]]").replace(/=+$/, "") }, "TypeError", /other options/],
    [{ cursor: btoa("[9,[],[]]").replace(/=+$/, "") }, "TypeError", /must come from this list/],
    [{ cursor }, "TypeError", /'cursor' comes from a list with other options/],
    [{ cursor, type: "tool.*", order: "oldest" }, "TypeError", /other options/],
    [{ cursor, type: "tool.*", since: at(0) }, "TypeError", /other options/],
  ];
  for (const [options, name, message] of refused) {
    await assert.rejects(outbox.listEvents(options as EventListOptions), { name, message });
  }
  assert.equal((await outbox.listEvents({ cursor, type: "tool.*", limit: 5 })).items.length, 2);
});
