import assert from "node:assert/strict";
import { thrown } from "../support/failures.ts";
import fc from "../support/fast_check.ts";
import { test } from "../support/harness.ts";
import { quietHooks } from "./_helpers.ts";

const matching: readonly (readonly [pattern: string, matches: string[], not: string[]])[] = [
  ["tool.called", ["tool.called"], ["tool", "tool.called.late", "tool.calle", "atool.called"]],
  ["tool.*", ["tool.called", "tool.called.late", "tool.a.b.c"], [
    "tool",
    "tools.called",
    "a.tool.b",
  ]],
  ["a.b.*", ["a.b.c", "a.b.c.d"], ["a.b", "a.bc", "a.b_.c", "a.c.b"]],
  ["tool", ["tool"], ["tool.called", "to", "tools"]],
  ["*", ["tool", "tool.called", "a.b.c.d.e", "0", "_", "__proto__.constructor"], []],
  ["__proto__.*", ["__proto__.constructor"], ["__proto__", "constructor"]],
  ["constructor", ["constructor"], ["__proto__", "to_string"]],
];

for (const [pattern, matches, others] of matching) {
  test(`the pattern "${pattern}" matches what it should, and nothing else`, async () => {
    const hooks = quietHooks();
    const received: string[] = [];
    hooks.on(pattern, ({ type }) => void received.push(type));
    for (const type of [...matches, ...others]) await hooks.emit(type, null);
    assert.deepEqual(received, matches);
    assert.deepEqual(
      [...matches, ...others].filter((type) => hooks.registry.handlerCount(type) > 0),
      matches,
    );
  });
}

test("patterns match as a naive matcher does, however they are registered", () => {
  const word = fc.constantFrom("a", "b", "ab", "_", "0", "__proto__");
  const type = fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => words.join("."));
  const pattern = fc.oneof(type, type.map((type) => `${type}.*`), fc.constant("*"));
  return fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(pattern, { minLength: 1, maxLength: 3 }), { maxLength: 6 }),
      fc.array(type, { minLength: 1, maxLength: 6 }),
      fc.infiniteStream(fc.boolean()),
      async (lists, types, coins) => {
        const hooks = quietHooks();
        const registered = new Map<number, readonly string[]>();
        const received: string[] = [];
        const expected: string[] = [];
        for (const [n, patterns] of lists.entries()) {
          registered.set(n, patterns);
          const { unregister } = hooks.on(
            patterns,
            ({ type }) => void received.push(`${n} ${type}`),
          );
          if (coins.next().value) {
            await hooks.emit(types[0]!, null).finally(() => received.length = 0);
          }
          if (!coins.next().value) continue;
          unregister();
          registered.delete(n);
        }
        for (const type of types) {
          await hooks.emit(type, null);
          for (const [n, patterns] of registered) {
            if (patterns.some((pattern) => matches(pattern, type))) expected.push(`${n} ${type}`);
          }
        }
        assert.deepEqual(received, expected);
      },
    ),
    { numRuns: 300 },
  );
});

function matches(pattern: string, type: string): boolean {
  if (pattern === "*") return true;
  if (!pattern.endsWith(".*")) return pattern === type;
  const prefix = pattern.split(".").slice(0, -1);
  const words = type.split(".");
  return words.length > prefix.length && prefix.every((word, n) => word === words[n]);
}

test("a pattern that is added or removed applies from the next event", async () => {
  const hooks = quietHooks();
  for (const pattern of ["a.b.c", "a.b.*", "a.*", "*"]) {
    await hooks.emit("a.b.c", null);
    const { unregister } = hooks.on(pattern, () => {});
    assert.equal((await hooks.emit("a.b.c", null)).handlers.length, 1, pattern);
    unregister();
    assert.equal((await hooks.emit("a.b.c", null)).handlers.length, 0, pattern);
  }
});

const refused: readonly unknown[] = [
  "",
  ".",
  ".*",
  "**",
  "* ",
  "tool.",
  ".tool",
  "tool..called",
  "tool.*.x",
  "*.x",
  "tool*",
  "tool.**",
  "tool.*.*",
  "Tool.called",
  "tool called",
  "tool-called",
  "tool.called\n",
  "töol",
  "tool/called",
  "a".repeat(129),
  `${"a".repeat(129)}.*`,
  [],
  [""],
  ["tool.*", "x."],
  [["tool"]],
  undefined,
  null,
  5,
  Symbol("tool"),
  {},
  () => "tool",
];

test("on() and use() reject a malformed pattern with a TypeError that shows it", () => {
  const hooks = quietHooks();
  for (const pattern of refused) {
    const events = (typeof pattern === "string" ? [pattern] : pattern) as string[];
    const errors = [
      thrown(() => hooks.on(pattern as string, () => {}), TypeError),
      thrown(() => hooks.use({ name: "h", events, handle: () => {} }), TypeError),
    ];
    for (const { message } of errors) {
      assert.match(
        message,
        /^Cannot register .*: (a pattern must be a|'events' must be a pattern)/,
      );
    }
  }
  assert.deepEqual(hooks.registry.list(), []);
  const { message } = thrown(() => hooks.on("tool.", () => {}), TypeError);
  assert.match(message, /, got "tool\."$/);
});

test("types and prefixes may be 128 characters long", async () => {
  const hooks = quietHooks();
  const [type, prefix] = ["a".repeat(128), "b".repeat(126)];
  const received: string[] = [];
  hooks.on([type, `${prefix}.*`, `${type}.*`], ({ type }) => void received.push(type));
  await hooks.emit(type, null);
  await hooks.emit(`${prefix}.c`, null);
  assert.deepEqual(received, [type, `${prefix}.c`]);
});

test("handlerCount() counts the handlers of a type, and hookCount() counts only hooks", () => {
  const { on, use, registry } = quietHooks();
  const counts = () => [
    registry.handlerCount("tool.called"),
    registry.handlerCount("tool"),
    registry.handlerCount("agent.end"),
    registry.hookCount(),
  ];
  assert.deepEqual(counts(), [0, 0, 0, 0]);
  const exact = on("tool.called", () => {});
  on(["tool.*", "tool.called", "*"], () => {});
  const [hook] = use({ name: "h", events: ["tool.*", "agent.end"], handle: () => {} });
  assert.deepEqual(counts(), [3, 1, 2, 1]);
  exact.unregister();
  exact.unregister();
  assert.deepEqual(counts(), [2, 1, 2, 1]);
  hook!.unregister();
  assert.deepEqual(counts(), [1, 1, 1, 0]);
});

test("list() has all registrations in order, with their names and patterns, each pattern once", () => {
  const { on, use, registry } = quietHooks();
  on("tool.*", () => {}, { name: "named", priority: 9 });
  const [hook] = use({ name: "meter", events: ["b", "a", "b"], handle: () => {} });
  on(["a", "*", "a"], function own() {});
  const handler = { kind: "handler", durable: false };
  const listed = [
    { ...handler, name: "named", events: ["tool.*"] },
    { kind: "hook", durable: false, name: "meter", events: ["b", "a"] },
    { ...handler, name: "own", events: ["a", "*"] },
  ];
  assert.deepEqual(registry.list(), listed);
  hook!.unregister();
  assert.deepEqual(registry.list(), [listed[0], listed[2]]);
});

test("later changes to a list of patterns have no effect", async () => {
  const hooks = quietHooks();
  const events = ["a"];
  let calls = 0;
  const registration = hooks.on(events, () => void calls++);
  events[0] = "b";
  await hooks.emit("a", null);
  await hooks.emit("b", null);
  registration.unregister();
  await hooks.emit("a", null);
  assert.equal(calls, 1);
});
