import assert from "node:assert/strict";
import { createHooks } from "@omniagent/hooks";
import { test } from "../support/harness.ts";

const cycle: { self?: unknown } = {};
cycle.self = cycle;

const cases: readonly (readonly [value: unknown, message: string])[] = [
  [new TypeError("x"), "an Error has no JSON form: pass { message: error.message }"],
  [new Map(), "a Map has no JSON form: pass Object.fromEntries(…)"],
  [new Set(), "a Set has no JSON form: pass [...set]"],
  [1n, "a bigint has no JSON form: pass String(value)"],
  [NaN, "NaN has no JSON form: pass null"],
  [new Date(NaN), "an invalid Date has no JSON form: pass a valid Date, or null"],
  [() => {}, "a function has no JSON form: leave it out"],
  [Promise.resolve(), "a Promise has no JSON form: await it first"],
  [new Uint8Array(1), "a Uint8Array has no JSON form: pass it as Base64 text"],
  [new Int8Array(1), "an Int8Array has no JSON form: pass it as Base64 text"],
  [new ArrayBuffer(1), "an ArrayBuffer has no JSON form: pass it as Base64 text"],
  [new URLSearchParams(), "a URLSearchParams has no JSON form: pass Object.fromEntries(…)"],
  [cycle, "a cycle has no JSON form: pass only the fields that are needed"],
];

test("a payload that JSON can't carry is rejected with what to pass instead", async () => {
  const hooks = createHooks<Record<string, unknown>>();
  for (const [value, message] of cases) {
    await assert.rejects(hooks.emit("a.b", { value }), (error: Error) => {
      assert.ok(error.message.includes(message), error.message);
      return true;
    });
  }
  await hooks.close();
});
