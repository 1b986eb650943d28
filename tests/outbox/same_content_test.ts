/**
 * The content under a key or an id is compared by value, not by its text.
 * @module
 */
import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { createHooks } from "@omniagent/hooks";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

function setUp() {
  const outbox = createOutbox(memoryStore(), { logger: silentLogger });
  return createHooks<Record<string, unknown>>({ logger: silentLogger, outbox });
}

/** The same JSON with the keys of its objects in the reverse order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).reverse().map(([key, field]) => [key, reversed(field)]);
  return Object.fromEntries(fields);
}

/** Keys that sort in different ways by code units, by code points, as numbers and by locale. */
const key = fc.oneof(
  fc.constantFrom("", "10", "9", "1", "é", "e", "E", "\u{1f600}", "\uffff", "\r", '"', "\\", "a b"),
  fc.string({ unit: "binary" }),
);
const { json } = fc.letrec((tie) => ({
  json: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(null, true, 0, -0, 1, 1e21, 1e-7, 0.1, 5e-324, "", "\u2028", "é", "e\u0301"),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.array(tie("json"), { maxLength: 4 }),
    fc.dictionary(key, tie("json"), { maxKeys: 6 }),
  ),
}));

test("under one key, the same value with its keys in another order is a duplicate", async () => {
  const hooks = setUp();
  let n = 0;
  await fc.assert(
    fc.asyncProperty(fc.dictionary(key, json, { minKeys: 2, maxKeys: 6 }), async (data) => {
      const options = { idempotencyKey: `k-${n++}` };
      const first = await hooks.emit("a.b", data, options);
      const second = await hooks.emit("a.b", reversed(data), options);
      assert.deepEqual([second.id, second.duplicate], [first.id, true]);
      const other = { ...data, "another key": 1 };
      await assert.rejects(hooks.emit("a.b", other, options), { code: "idempotency_conflict" });
    }),
    { numRuns: 150 },
  );
  await hooks.close();
});

test("under one key, values that differ in more than the order of keys are a conflict", async () => {
  const hooks = setUp();
  const values = [
    ...[{ a: 1 }, { a: "1" }, { a: [1] }, { a: { 0: 1 } }, { a: null }, { a: 1, b: null }, {}],
    ...[[1, 2], [2, 1], [[1], 2], { "a": 1, "á": 1 }, { "a": 1, "a\u0301": 1 }, "1", 1, null, ""],
  ];
  await Promise.all(values.map(async (value, i) => {
    const options = { idempotencyKey: `k-${i}` };
    await hooks.emit("a.b", value, options);
    for (const other of values) {
      if (other === value) continue;
      await assert.rejects(hooks.emit("a.b", other, options), { code: "idempotency_conflict" });
    }
  }));
  await hooks.close();
});

test("an idempotency key may be null, and other values that are not strings are rejected", async () => {
  const hooks = setUp();
  for (let n = 0; n < 2; n++) {
    const { duplicate } = await hooks.emit("a.b", 1, { idempotencyKey: null as never });
    assert.equal(duplicate, false);
  }
  for (const key of [5, {}, true, [], ["k"]]) {
    await assert.rejects(hooks.emit("a.b", 1, { idempotencyKey: key as never }), {
      code: "event_invalid",
    });
  }
  await hooks.close();
  const without = createHooks<Record<string, unknown>>({ logger: silentLogger });
  const options = { idempotencyKey: null, sessionId: null, signal: null } as never;
  assert.equal((await without.emit("a.b", 1, options)).duplicate, false);
});

test("under one key, a timestamp is part of the content only if the caller sent it", async () => {
  const outbox = createOutbox(memoryStore(), { logger: silentLogger });
  const publish = (second: number, hasTimestamp: boolean, idempotencyKey: string) =>
    outbox.publish([{
      event: {
        id: `e-${second}-${hasTimestamp}`,
        type: "tool.called",
        timestamp: new Date(second * 1000),
        data: { name: "bash" },
      },
      to: [],
      idempotencyKey,
      hasTimestamp,
    }]);
  await publish(1, true, "sent");
  await assert.rejects(publish(2, true, "sent"), { code: "idempotency_conflict" });
  await publish(1, false, "made");
  assert.equal((await publish(2, false, "made"))[0]!.duplicate, true);
});
