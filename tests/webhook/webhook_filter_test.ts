/**
 * Which events a webhook's `filter` lets pass.
 * @module
 */
import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { createHooks, type HookEvent } from "@omniagent/hooks";
import type { FilterValue, WebhookHookOptions } from "@omniagent/hooks/webhook";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { EVENT, fakeFetch, hookOf } from "./hook_checks.ts";

type Filter = NonNullable<WebhookHookOptions["filter"]>;

const DATA = {
  name: "git_push",
  n: 5,
  zero: 0,
  ok: false,
  none: null,
  tags: ["a", "b", 7, null],
  empty: [],
  deep: { er: { x: "y" }, list: [{ x: 1 }] },
  "": { "": "nothing" },
  labels: { "app.io/name": "x", "a\\b": 1, "a.b": { "c.d": [true] }, length: 2 },
};

function passes(filter: Filter, data: unknown = DATA, event: HookEvent = EVENT): boolean {
  return hookOf({ filter }).accepts({ ...event, data });
}

const rows: readonly (readonly [filter: Filter, passes: boolean])[] = [
  [{}, true],
  [{ "data.name": "git_push" }, true],
  [{ "data.name": "git" }, false],
  [{ "data.name": "GIT_PUSH" }, false],
  [{ "data.name": "git_*" }, true],
  [{ "data.name": "*" }, true],
  [{ "data.name": ["bash", "git_*"] }, true],
  [{ "data.name": ["bash", "sh"] }, false],
  [{ "data.n": 5 }, true],
  [{ "data.n": "5" }, false],
  [{ "data.n": "*" }, false],
  [{ "data.zero": 0 }, true],
  [{ "data.zero": false }, false],
  [{ "data.ok": false }, true],
  [{ "data.none": null }, true],
  [{ "data.missing": null }, false],
  [{ "data.missing": "*" }, false],
  [{ "data.missing.below": "*" }, false],
  [{ "data.none.below": "*" }, false],
  [{ "data.name.length": 8 }, false],
  [{ "data.tags": "b" }, true],
  [{ "data.tags": 7 }, true],
  [{ "data.tags": null }, true],
  [{ "data.tags": ["x", "y"] }, false],
  [{ "data.tags.0": "a" }, true],
  [{ "data.empty": "*" }, false],
  [{ "data.empty": null }, false],
  [{ "data.deep.er.x": "y" }, true],
  [{ "data.deep": "*" }, false],
  [{ "data.deep.list.0.x": 1 }, true],
  [{ "data.__proto__": "*" }, false],
  [{ "data.__proto__.toString": "*" }, false],
  [{ "data.constructor.name": "Object" }, false],
  [{ "data.toString": "*" }, false],
  [{ "data.tags.length": 4 }, false],
  [{ "data.tags.-1": null }, false],
  [{ "data.tags.00": "a" }, false],
  [{ "data.tags.3": null }, true],
  [{ "data.name.0": "g" }, false],
  [{ "data.labels.length": 2 }, true],
  [{ "data.labels.app.io/name": "x" }, false],
  [{ "data.labels.app\\.io/name": "x" }, true],
  [{ "data.labels.a\\\\b": 1 }, true],
  [{ "data.labels.a\\.b.c\\.d": true }, true],
  [{ "data.labels.a\\.b.c\\.d.0": true }, true],
  [{ "data..": "nothing" }, true],
  [{ type: "tool.*" }, true],
  [{ type: "message.*" }, false],
  [{ sessionId: "s-*", id: "*" }, true],
  [{ "data.name": "git_*", "data.n": 5, "data.tags": "a" }, true],
  [{ "data.name": "git_*", "data.n": 6 }, false],
];

for (const [filter, expected] of rows) {
  test(`the filter ${JSON.stringify(filter)} ${expected ? "passes" : "does not pass"} the event`, () =>
    assert.equal(passes(filter), expected));
}

test("a filter sees own fields of any name, and payloads that are no objects", () => {
  const own = JSON.parse('{ "__proto__": { "x": "polluted" } }');
  assert.equal(passes({ "data.__proto__.x": "polluted" }, own), true);
  assert.equal(passes({ "data.__proto__.x": "polluted" }, {}), false);
  assert.equal(passes({ "data.x": "polluted" }, own), false);
  assert.equal(passes({ "data.x": "inherited" }, Object.create({ x: "inherited" })), false);
  assert.equal(passes({ data: "te*" }, "text"), true);
  assert.equal(passes({ data: null }, null), true);
  assert.equal(passes({ data: 1 }, [3, 2, 1]), true);
  const traced = {
    ...EVENT,
    traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  };
  assert.equal(passes({ traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-*" }, {}, traced), true);
  assert.equal(passes({ traceparent: "00-5*" }, {}, traced), false);
  assert.equal(passes({ traceparent: "*" }, {}, EVENT), false);
  const { sessionId: _, ...without } = EVENT;
  assert.equal(passes({ sessionId: "*" }, {}, without), false);
});

const unit = fc.constantFrom("a", "b", "*", ".", "\\", "\n", "(", "$", "\ud83d", "\ude00", "ü");
const texts = fc.string({ unit, maxLength: 12 });

test("a glob matches the same as its regular expression", () => {
  const escape = (part: string) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  fc.assert(
    fc.property(texts, texts, (glob, text) => {
      const oracle = new RegExp(`^${glob.split("*").map(escape).join("[^]*")}$`);
      assert.equal(passes({ "data.a": glob }, { a: text }), oracle.test(text));
    }),
    { numRuns: 2000 },
  );
});

test("a glob matches any text in place of its stars", () => {
  fc.assert(
    fc.property(fc.array(texts, { minLength: 1, maxLength: 6 }), texts, (parts, filling) => {
      const a = parts.map((part) => part.replaceAll("*", "")).join(filling);
      assert.equal(passes({ "data.a": parts.join("*") }, { a }), true);
    }),
  );
});

test("a glob designed to be slow matches quickly", () => {
  const text = "a".repeat(20_000);
  const steps = performance.now();
  assert.equal(passes({ "data.a": `${"*a".repeat(50)}*b` }, { a: text }), false);
  assert.ok(performance.now() - steps < 20_000);
});

test("a list of values matches if any of them does", () => {
  const value: fc.Arbitrary<FilterValue> = fc.oneof(
    texts,
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
  );
  fc.assert(
    fc.property(fc.array(value, { minLength: 1 }), value, (values, a) => {
      const any = values.some((wanted) => passes({ "data.a": wanted }, { a }));
      assert.equal(passes({ "data.a": values }, { a }), any);
      assert.equal(
        passes({ "data.a": values }, { a: ["nothing", a] }),
        any || passes({ "data.a": values }, { a: "nothing" }),
      );
    }),
  );
});

test("an event that a filter excludes is not sent, and is not a failure", async () => {
  const { fetch, requests } = fakeFetch(200);
  const hooks = createHooks({ logger: silentLogger });
  hooks.use(hookOf({ fetch, filter: { "data.name": "git_*" } }));
  const { handlers } = await hooks.emit("tool.called", { name: "bash" });
  assert.deepEqual([handlers, requests.length], [[], 0]);
  await hooks.emit("tool.called", { name: "git_push" });
  assert.equal(requests.length, 1);
  await hooks.close();
});

test("later changes to a filter have no effect", () => {
  const names = ["git_push"];
  const filter: Record<string, readonly string[]> = { "data.name": names };
  const hook = hookOf({ filter });
  names[0] = "other";
  filter["data.ok"] = ["yes"];
  assert.ok(hook.accepts({ ...EVENT, data: DATA }));
});
