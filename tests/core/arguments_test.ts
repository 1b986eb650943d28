import assert from "node:assert/strict";
import { createHooks } from "@omniagent/hooks";
import fc from "../support/fast_check.ts";
import { test } from "../support/harness.ts";
import { fakeHook, fakeWebhook, quietHooks, refuses } from "./_fakes.ts";

type Case = readonly [value: unknown, shown: string];

const PATTERN = 'a pattern must be a type such as "tool.called", a prefix such as "tool.*", or "*"';
const LIST = "'events' must be a pattern or a list of patterns, got";
const long = "a".repeat(129);
const patterns: readonly Case[] = [
  ["", '""'],
  ["tool.", '"tool."'],
  [".x", '".x"'],
  ["a..b", '"a..b"'],
  ["*.x", '"*.x"'],
  ["tool.*.x", '"tool.*.x"'],
  ["tool.**", '"tool.**"'],
  ["tool*", '"tool*"'],
  ["**", '"**"'],
  [".*", '".*"'],
  ["*.*", '"*.*"'],
  ["Tool.x", '"Tool.x"'],
  ["tool-x", '"tool-x"'],
  ["tool.called\n", String.raw`"tool.called\n"`],
  [" tool.called", '" tool.called"'],
  [long, `"${"a".repeat(80)}"`],
  [`${long}.*`, `"${"a".repeat(80)}"`],
  [7, "7"],
  [null, "null"],
  [["tool.called"], "a list"],
];
for (const [pattern, shown] of patterns) {
  const message = `: ${PATTERN}, got ${shown}`;
  test(`a pattern ${shown} is rejected everywhere`, () => {
    const list = ["tool.called", pattern] as never;
    const single = typeof pattern === "string" ? pattern as never : list;
    const handler = `Cannot register handler${message}`;
    refuses((hooks) => hooks.on(single, () => {}), "TypeError", handler);
    refuses((hooks) => hooks.on(list, () => {}), "TypeError", handler);
    refuses((hooks) => hooks.registry.registerHandler(list, "n", () => {}), "TypeError", handler);
    const events = list;
    refuses(
      (hooks) => hooks.use(fakeHook([], "a", { events })),
      "TypeError",
      `Cannot register hook 'a'${message}`,
    );
    refuses(
      (hooks) => hooks.use(fakeWebhook([], "w", { events })),
      "TypeError",
      `Cannot register webhook 'w'${message}`,
    );
  });
}

test("on() rejects anything but a pattern or a non-empty list of patterns", () => {
  const values: readonly (readonly [unknown, string])[] = [
    [undefined, "undefined"],
    [null, "null"],
    [7, "7"],
    [{}, "an object"],
    [[], "an empty list"],
    [new Set(["tool.called"]), "an object"],
  ];
  for (const [value, shown] of values) {
    const events = value as never;
    refuses(
      (hooks) => hooks.on(events, () => {}),
      "TypeError",
      `Cannot register handler: ${LIST} ${shown}`,
    );
    refuses(
      (hooks) => hooks.use(fakeHook([], "a", { events })),
      "TypeError",
      `Cannot register hook 'a': ${LIST} ${shown}`,
    );
  }
});

test("any well-formed pattern of up to 128 characters is accepted and matches", async () => {
  const word = fc.string({ unit: fc.constantFrom(..."az09_"), minLength: 1, maxLength: 12 });
  const type = fc.array(word, { minLength: 2, maxLength: 6 }).map((words) => words.join("."));
  await fc.assert(fc.asyncProperty(type, async (type) => {
    const hooks = createHooks<Record<string, unknown>>();
    const received: string[] = [];
    for (const pattern of [type, `${type.slice(0, type.lastIndexOf("."))}.*`, `${type}.*`, "*"]) {
      hooks.on(pattern as "*", () => void received.push(pattern));
    }
    await hooks.emit(type as never, null as never);
    assert.deepEqual(received, [type, `${type.slice(0, type.lastIndexOf("."))}.*`, "*"]);
  }));
  quietHooks().on("a".repeat(128) as "*", () => {});
});

const NAME = "'name' must be 1 to 64 characters of [A-Za-z0-9._-], got";
const names: readonly Case[] = [
  ["", '""'],
  [" ", '" "'],
  ["a b", '"a b"'],
  ["a/b", '"a/b"'],
  ["ä", '"ä"'],
  ["a\n", String.raw`"a\n"`],
  ["a".repeat(65), `"${"a".repeat(65)}"`],
  [undefined, "undefined"],
  [7, "7"],
];
for (const [name, shown] of names) {
  test(`a hook's or webhook's name ${shown} is rejected`, () => {
    const as = name as string;
    refuses(
      (hooks) => hooks.use(fakeHook([], as)),
      "TypeError",
      `Cannot register hook: ${NAME} ${shown}`,
    );
    refuses(
      (hooks) => hooks.use(fakeWebhook([], as)),
      "TypeError",
      `Cannot register webhook: ${NAME} ${shown}`,
    );
  });
}

test("names of 1 to 64 characters are accepted, and a handler's name may be anything or missing", () => {
  const hooks = quietHooks();
  hooks.use(fakeHook([], "a"), fakeHook([], "A.b_c-9".padEnd(64, "x")));
  for (const name of ["", "a", "two words", "a"]) {
    hooks.registry.registerHandler("*", name, () => {});
  }
  const shown = hooks.registry.list().slice(2).map(({ name }) => name);
  assert.deepEqual(shown, ["*", "a", "two words", "a"]);
});

test("hooks and webhooks can't have the same name", () => {
  const hooks = quietHooks({ use: [fakeHook([], "a")] });
  const taken = (kind: string) => ({
    name: "TypeError",
    message: `Cannot register ${kind} 'a': the name is taken by another hook or webhook`,
  });
  assert.throws(() => hooks.use(fakeHook([], "a")), taken("hook"));
  assert.throws(() => hooks.use(fakeWebhook([], "a")), taken("webhook"));
  assert.equal(hooks.registry.hookCount(), 1);
});
