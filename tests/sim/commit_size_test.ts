import assert from "node:assert/strict";
import { createEventIdAt } from "../../src/internal/uuid.ts";
import { addSizes, CommitBuilder, type CommitSize, fits } from "../../src/outbox/commit.ts";
import { planBatch } from "../../src/outbox/prepare.ts";
import { DAY } from "../../src/internal/clock.ts";
import { Keys } from "../../src/outbox/records.ts";
import { Targets } from "../../src/outbox/targets.ts";
import { encodeFullKey, KV_LIMITS, type StoreKey } from "../../src/store/mod.ts";
import { memoryStore } from "../../src/testing/memory_store.ts";
import { test } from "../support/harness.ts";
import { Fixture } from "./fixture.ts";

test("the size of a commit is what a store charges for it, for any keys and values", () => {
  const keys: readonly StoreKey[] = [["a"], ["hooks", "due", "w", 1.5, "id"], ["é€😀", "\0\0", -1]];
  for (const key of keys) {
    const { id: { length } } = encodeFullKey(key);
    const builder = new CommitBuilder();
    builder.check(key, null);
    builder.set(key, { text: "é" }, undefined);
    builder.sum(key);
    builder.sum(key);
    builder.delete(key);
    const { bytes, ...size } = builder.measure();
    assert.deepEqual(size, { checks: 1, mutations: 3, keys: 2 * length });
    assert.equal(bytes, 6 * length + 8 + '{"text":"__"}'.length);
  }
});

test("a commit fits a store when none of its limits is exceeded", () => {
  const { checks, mutations, bytes } = KV_LIMITS;
  const most = { checks, mutations, bytes, keys: 81_920 };
  assert.ok(fits(most, KV_LIMITS));
  for (const name of ["checks", "mutations", "bytes", "keys"] as const) {
    assert.ok(!fits({ ...most, [name]: most[name] + 1 }, KV_LIMITS), name);
  }
});

test("an event of any size is stored, even near the size of the largest value", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  const names = ["a", "b".repeat(64)];
  for (const name of names) {
    outbox.register(fixture.target(name, undefined, { ordering: "session" }));
  }
  for (let length = KV_LIMITS.value - 600; length <= KV_LIMITS.value; length++) {
    const data = { text: `é${"x".repeat(length)}` };
    await fixture.publish(outbox, names, { data, sessionId: "ß" });
  }
});

test("a single event is measured like one in a batch", async () => {
  const store = memoryStore();
  const prepare = {
    ...{ keys: new Keys("hooks"), retention: { head: DAY, rest: 2 * DAY, seen: 2 * DAY } },
    ...{ limits: store.limits, targets: new Targets(DAY), eventLog: true },
  };
  const event = (text: string) => ({
    id: createEventIdAt(1_000),
    type: "tool.called",
    timestamp: new Date(1_000),
    data: { text },
  });
  for (const to of [[], ["a"], ["a", "é\0", "b".repeat(64)]]) {
    const one = { fresh: true, event: event("é"), to };
    const other = { fresh: true, event: event("x".repeat(500)), to: [] };
    const sizes = await Promise.all(
      [[one], [other], [one, other]].map(async (batch) =>
        (await planBatch(batch, {}, prepare)).size
      ),
    );
    const [alone, rest, both] = sizes as [CommitSize, CommitSize, CommitSize];
    // Of a batch, only the first event is checked.
    const { bytes, checks, ...sum } = addSizes(alone, rest);
    const check = encodeFullKey(prepare.keys.event(other.event.id)).id.length;
    assert.deepEqual({ ...sum, checks: checks - 1, bytes: bytes - check }, both);
  }
});
