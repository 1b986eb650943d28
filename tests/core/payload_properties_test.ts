import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { decodeEvent, encodeEvent, EventValidationError, type HookEvent } from "@omniagent/hooks";
import { test } from "../support/harness.ts";
import { eventOf, quietHooks } from "./_helpers.ts";

const anything = fc.anything({
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withObjectString: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
  withUnicodeString: true,
  maxDepth: 4,
});

const hooks = quietHooks();
const received: HookEvent[] = [];
hooks.on("a", (event) => void received.push(event));

test("emit() sends what JSON would, and rejects everything else with an EventValidationError", () =>
  fc.assert(
    fc.asyncProperty(anything, async (data) => {
      received.length = 0;
      const error = await hooks.emit("a", data).then(() => undefined, (error: unknown) => error);
      if (error !== undefined) {
        assert.ok(error instanceof EventValidationError, `${error}`);
        assert.ok(error.issues.length > 0 && received.length === 0);
        return;
      }
      const event = received[0]!;
      const decoded = decodeEvent(encodeEvent(event));
      assert.deepEqual({ ...decoded, data: null }, { ...event, data: null });
      assert.deepEqual(decoded.data, JSON.parse(JSON.stringify({ data })).data);
    }),
    { numRuns: 3000 },
  ));

test("emit() accepts every JSON value, and loses nothing", () =>
  fc.assert(
    fc.asyncProperty(fc.jsonValue({ noUnicodeString: false, maxDepth: 6 }), async (data) => {
      received.length = 0;
      await hooks.emit("a", data);
      assert.equal(
        JSON.stringify(decodeEvent(encodeEvent(received[0]!)).data),
        JSON.stringify(data),
      );
    }),
    { numRuns: 1000 },
  ));

const exotic = fc.constantFrom<() => unknown>(
  () => new Headers({ a: "b" }),
  () => new URLSearchParams("a=b"),
  () => new AbortController().signal,
  () => new DOMException("no"),
  () => new Error("no"),
  () => new (class extends Map {})(),
  () => Object(1n),
  () => Object(Symbol("s")),
  () => Object(NaN),
  () => new Proxy([1], {}),
  () => new Proxy({}, { get: () => assert.fail("get") }),
  () => new Proxy({}, { ownKeys: () => assert.fail("ownKeys") }),
  () => ({ toJSON: () => Symbol() }),
  () => ({ toJSON: () => new Date(0) }),
  () => ({
    get [Symbol.toStringTag]() {
      return assert.fail("tag");
    },
  }),
  () => (function* () {})(),
  () => globalThis,
);

test("emit() and encodeEvent() agree on what is rejected, however strange it is", () =>
  fc.assert(
    fc.asyncProperty(exotic, fc.boolean(), async (make, inList) => {
      const data = inList ? [make()] : { field: make() };
      const error = await hooks.emit("a", data).then(() => undefined, (error: unknown) => error);
      try {
        encodeEvent(eventOf({ data }));
        assert.equal(error, undefined);
      } catch (fault) {
        assert.ok(fault instanceof EventValidationError, `encodeEvent: ${fault}`);
        assert.ok(error instanceof EventValidationError, `emit: ${error}`);
      }
    }),
    { numRuns: 200 },
  ));
