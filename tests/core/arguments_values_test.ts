import assert from "node:assert/strict";
import { createHooks } from "@omniagent/hooks";
import { test } from "../support/harness.ts";
import { BASH, fakeHook, fakeWebhook, quietHooks, refuses } from "./_fakes.ts";

const functions: readonly (readonly [value: unknown, shown: string])[] = [
  [undefined, "undefined"],
  [null, "null"],
  ["f", '"f"'],
  [
    {},
    "an object",
  ],
];
test("members that must be functions are checked", () => {
  for (const [value, shown] of functions) {
    const bad = value as never;
    const must = (name: string): string => `: '${name}' must be a function, got ${shown}`;
    refuses(
      (hooks) => hooks.on("*", bad),
      "TypeError",
      `Cannot register handler${must("handler")}`,
    );
    refuses(
      (hooks) => hooks.use({ ...fakeHook([], "a"), handle: bad }),
      "TypeError",
      `Cannot register hook 'a'${must("handle")}`,
    );
    for (const name of ["attempt", "accepts", "deliver"]) {
      const webhook = { ...fakeWebhook([], "w"), [name]: bad };
      refuses(
        (hooks) => hooks.registry.registerWebhook(webhook),
        "TypeError",
        `Cannot register webhook 'w'${must(name)}`,
      );
    }
    if (value === undefined) continue; // what is optional may be undefined
    refuses(
      (hooks) => hooks.on("*", () => {}, { filter: bad }),
      "TypeError",
      `Cannot register handler${must("filter")}`,
    );
    for (const name of ["init", "close", "filter", "setStorage"]) {
      const hook = { ...fakeHook([], "a"), [name]: bad };
      refuses((hooks) => hooks.use(hook), "TypeError", `Cannot register hook 'a'${must(name)}`);
    }
    for (const name of ["redact", "onError", "onDrop", "waitUntil"]) {
      refuses(() => createHooks({ [name]: bad }), "TypeError", `Cannot create hooks${must(name)}`);
    }
  }
});

const numbers: readonly (readonly [value: unknown, name: string, rule: string])[] = [
  [0, "RangeError", "must be at least 1, got 0"],
  [-1, "RangeError", "must be at least 1, got -1"],
  [NaN, "RangeError", "must be a number, got NaN"],
  [-Infinity, "RangeError", "must be at least 1, got -Infinity"],
  ["5", "TypeError", 'must be a number, got "5"'],
  [null, "TypeError", "must be a number, got null"],
  [5n, "TypeError", "must be a number, got 5n"],
];
for (const [value, error, rule] of numbers) {
  const duration = rule.replace("a number", "a number of milliseconds").replace("1,", "1 ms,");
  const count = rule.replace("a number", "a whole number");
  test(`a timeout, a limit, or a count of ${typeof value} ${value} is rejected`, () => {
    const bad = value as never;
    refuses(
      (hooks) => hooks.on("*", () => {}, { timeout: bad }),
      error,
      `Cannot register handler: 'timeout' ${duration}`,
    );
    for (const [name, rule] of Object.entries({ timeout: duration, concurrency: count })) {
      const hook = fakeHook([], "a", { [name]: bad });
      refuses((hooks) => hooks.use(hook), error, `Cannot register hook 'a': '${name}' ${rule}`);
    }
    const limits = { maxConcurrent: count, maxPending: count, closeTimeout: duration };
    for (const [name, rule] of Object.entries(limits)) {
      if (name === "maxPending" && value === 0) continue; // nothing waits
      const expected = name === "maxPending" ? rule.replace("least 1", "least 0") : rule;
      refuses(
        () => createHooks({ [name]: bad }),
        error,
        `Cannot create hooks: '${name}' ${expected}`,
      );
    }
  });
}

test("an invalid priority, overflow, or handler name is rejected with its value", () => {
  const handler = "Cannot register handler:";
  for (const [priority, shown] of [[NaN, "NaN"], ["1", '"1"'], [null, "null"]] as const) {
    const message = `${handler} 'priority' must be a number, got ${shown}`;
    refuses(
      (hooks) => hooks.on("*", () => {}, { priority: priority as never }),
      shown === "NaN" ? "RangeError" : "TypeError",
      message,
    );
  }
  refuses(
    (hooks) => hooks.registry.registerHandler("*", 7 as never, () => {}),
    "TypeError",
    `${handler} 'name' must be a string without lone surrogates, got 7`,
  );
  for (const [overflow, shown] of [["wait", '"wait"'], [null, "null"], ["", '""']] as const) {
    const message = `Cannot create hooks: 'overflow' must be "reject" or "drop", got ${shown}`;
    refuses(() => createHooks({ overflow: overflow as never }), "TypeError", message);
  }
});

test("options that are undefined have no effect", () => {
  const of = (...names: string[]) => Object.fromEntries(names.map((name) => [name, undefined]));
  const hooks = createHooks(
    of(
      "schemas",
      "outbox",
      "store",
      "logger",
      "onError",
      "onDrop",
      "maxConcurrent",
      "maxPending",
      "overflow",
      "waitUntil",
      "closeTimeout",
      "use",
    ),
  );
  hooks.on("*", () => {}, of("name", "once", "priority", "timeout", "filter"));
  hooks.on("*", () => {}, undefined);
  assert.equal(hooks.registry.list().length, 2);
});

test("a timeout longer than the maximum of a timer does not end immediately", async () => {
  const longest: readonly number[] = [2 ** 31, 10 * 365 * 86_400_000, Infinity];
  for (const timeout of longest) {
    const hooks = quietHooks({ closeTimeout: timeout });
    hooks.on("*", (_event, { signal }) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, 5); // a timer that overflows fires after 1 ms
        signal.addEventListener("abort", () => (clearTimeout(timer), resolve()));
      }), { timeout });
    const emitted = hooks.emit("tool.called", BASH);
    await Promise.all([emitted, hooks.close()]);
  }
});
