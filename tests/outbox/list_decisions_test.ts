import type { HookEvent } from "@omniagent/hooks";
import {
  createOutbox,
  type DecisionListOptions,
  type Outbox,
  type StoredEvent,
} from "@omniagent/hooks/outbox";
import type { Store } from "@omniagent/hooks/store";
import { memoryStore } from "@omniagent/hooks/testing";
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { idAt, START, upTo } from "../support/event_ids.ts";

const OUTCOMES = ["allowed", "denied", "asked"] as const;
const GATES = [["policy"], ["mask", "policy"], ["policy.eu"], upTo(64).map((n) => `gate-${n}`)];
const TOOLS = ["bash", "Bash", "b\0ash", "ba", "баш", "🔨", "x".repeat(300), undefined];

/** A decision that was made `n` milliseconds after the start. */
function decisionAt(n: number, more: object = {}): HookEvent {
  const data = {
    decision_id: idAt(START + n, n),
    event_type: "tool.called",
    name: "bash",
    outcome: "allowed",
    gates: [{ name: "policy", kind: "check", mode: "enforce", verdict: "none", duration_ms: 0 }],
    digest_in: "0".repeat(64),
    digest_out: "0".repeat(64),
    took_ms: 0,
    ...more,
  };
  const [id, timestamp] = [idAt(START + n, n), new Date(START + n)];
  return { id, type: "gate.decided", timestamp, data };
}

function outboxOf(store: Store): Outbox {
  return createOutbox(store, { logger: silentLogger });
}

async function publish(outbox: Outbox, events: readonly HookEvent[]): Promise<void> {
  for (let from = 0; from < events.length; from += 50) {
    const batch = events.slice(from, from + 50);
    await outbox.publish(batch.map((event) => ({ event, to: [], fresh: true })));
  }
}

/** Stores events as a version without an index did. */
async function seed(store: Store, events: readonly HookEvent[]): Promise<void> {
  for (let from = 0; from < events.length; from += 250) {
    const atomic = store.atomic();
    for (const { id, type, timestamp, data } of events.slice(from, from + 250)) {
      const event = { id, type, timestamp: timestamp.toISOString(), data };
      atomic.set(["hooks", "event", id], { v: 1, to: [], at: START, event });
    }
    await atomic.commit();
  }
}

/** The ids of a list, page by page. */
async function idsOf(outbox: Outbox, options: DecisionListOptions): Promise<readonly string[]> {
  const items: StoredEvent[] = [];
  let cursor: string | undefined;
  do {
    const page = await outbox.listDecisions({ ...options, cursor });
    items.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return items.map(({ event }) => event.id);
}

/** The ids of the decisions that a filter wants, newest first. */
function wanted(
  events: readonly HookEvent[],
  { outcome, gate, name }: DecisionListOptions,
): readonly string[] {
  const found = events.filter(({ type, data }) => {
    const decided = data as { outcome: string; name?: string; gates: { name: string }[] };
    return type === "gate.decided" && (outcome ?? decided.outcome) === decided.outcome &&
      (name ?? decided.name) === decided.name &&
      (gate === undefined || decided.gates.some((one) => one.name === gate));
  });
  return found.map(({ id }) => id).reverse();
}

const FILTERS: readonly DecisionListOptions[] = [
  {},
  ...OUTCOMES.map((outcome) => ({ outcome })),
  ...["policy", "mask", "policy.eu", "gate-7", "gate-9", "none"].map((gate) => ({ gate })),
  ...TOOLS.filter((name) => name !== undefined).map((name) => ({ name })),
  { outcome: "denied", gate: "mask", name: "bash" },
  { outcome: "asked", gate: "gate-7" },
  { name: "баш", gate: "policy" },
];

/** Decisions of all kinds, and events between them. */
function mixed(count: number): readonly HookEvent[] {
  return upTo(count).map((n) => {
    const event = decisionAt(n, {
      outcome: OUTCOMES[n % 7 === 0 ? 1 : n % 11 === 0 ? 2 : 0],
      name: TOOLS[(n * 5) % TOOLS.length],
      gates: GATES[(n * 3) % GATES.length]!.map((name) => ({ name })),
    });
    return n % 4 === 1 ? { ...event, type: "tool.called" } : event;
  });
}

test("listDecisions() lists what matches its filter, in both orders, page by page", async () => {
  const events = mixed(400);
  const outbox = outboxOf(memoryStore());
  await publish(outbox, events);
  for (const filter of FILTERS) {
    const expected = wanted(events, filter);
    for (const limit of [7, 100]) {
      assert.deepEqual(await idsOf(outbox, { ...filter, limit }), expected);
      const oldest = await idsOf(outbox, { ...filter, limit, order: "oldest" });
      assert.deepEqual(oldest, [...expected].reverse());
    }
    const [since, until] = [new Date(START + 100), new Date(START + 300)];
    const inTime = expected.filter((id) => id >= events[100]!.id && id < events[300]!.id);
    assert.deepEqual(await idsOf(outbox, { ...filter, since, until, limit: 5 }), inTime);
  }
});

test("listDecisions() lists decisions from before the index existed, and later ones", async () => {
  const events = mixed(400);
  const store = memoryStore();
  await seed(store, events.slice(0, 200));
  assert.deepEqual(await idsOf(outboxOf(store), {}), wanted(events.slice(0, 200), {}));
  await store.atomic().set(["hooks", "meta"], { v: 1 }).commit();
  const outbox = outboxOf(store);
  // Their ids say that they were made within five minutes, when other processes may not index yet, or later.
  const later = mixed(400).slice(200).map((event, n) => {
    const time = Date.now() + (n < 100 ? 0 : 60 * 60 * 1000) + n;
    return { ...event, id: idAt(time, 200 + n) };
  });
  await publish(outbox, later);
  const all = [...events.slice(0, 200), ...later];
  for (const filter of FILTERS) {
    const expected = wanted(all, filter);
    for (const limit of [7, 100]) {
      assert.deepEqual(await idsOf(outbox, { ...filter, limit }), expected);
      const oldest = await idsOf(outbox, { ...filter, limit, order: "oldest" });
      assert.deepEqual(oldest, [...expected].reverse());
    }
  }
});

test("listDecisions() finds a few decisions among 20,000 events with one page", async () => {
  const outbox = outboxOf(memoryStore());
  const rare: readonly (readonly [number, object])[] = [
    [7, { outcome: "denied" }],
    [11, { name: "deploy" }],
    [13, { gates: [{ name: "legal" }] }],
  ];
  const events = upTo(20_000).map((n) => {
    const [, more] = rare.find(([at]) => at === n) ?? [];
    const event = decisionAt(n, more);
    return more || n % 2 === 0 ? event : { ...event, type: "message.sent" };
  });
  await publish(outbox, events);
  const filters = [{ outcome: "denied" }, { name: "deploy" }, { gate: "legal" }] as const;
  for (const [index, filter] of filters.entries()) {
    const { items, cursor } = await outbox.listDecisions(filter);
    assert.deepEqual(items.map(({ event }) => event.id), [events[rare[index]![0]]!.id]);
    assert.equal(cursor, undefined);
  }
});

test("listDecisions() misses nothing with more tools than it can merge from the index", async () => {
  const outbox = outboxOf(memoryStore());
  const events = upTo(600).map((n) =>
    decisionAt(n, { name: `tool-${n}`, outcome: OUTCOMES[n % 3] })
  );
  await publish(outbox, events);
  for (const filter of [{}, { outcome: "denied" }, { gate: "policy" }, { name: "tool-599" }]) {
    const filtered = filter as DecisionListOptions;
    assert.deepEqual(await idsOf(outbox, { ...filtered, limit: 50 }), wanted(events, filtered));
  }
});
