import assert from "node:assert/strict";
import { createHooks, HookRegistry } from "@omniagent/hooks";
import { test } from "../support/harness.ts";
import { BASH, fakeHook, fakeWebhook, quietHooks } from "./_fakes.ts";

const hook = fakeHook([], "a");

// What a program without types does wrong. The messages may change; that they are ours may not.
const ours = (error: unknown): boolean => {
  assert(error instanceof TypeError, `${error}`);
  assert.match(error.message, /^Cannot (use|register|create|set) .+(?: as|:) .+/);
  return true;
};

const garbage: Record<string, unknown> = {
  "undefined": undefined,
  "null": null,
  "a text": "tool.called",
  "a number": 7,
  "a function": () => {},
  "an empty object": {},
  "a list": [hook],
  "a class instead of its instance": class {},
  "an unknown kind": { kind: "plugin", name: "a" },
  "an option of a hook without the hook": { kind: "hook" },
  "an option of a webhook without the webhook": { kind: "webhook" },
  "an option of a handler without the handler": { kind: "handler", events: ["*"] },
};
for (const [what, value] of Object.entries(garbage)) {
  test(`use() and createHooks({ use }) reject ${what} with an error of the package`, () => {
    const hooks = quietHooks();
    assert.throws(() => hooks.use(value as never), ours);
    assert.throws(() => createHooks({ use: [value as never] }), ours);
    assert.deepEqual(hooks.registry.list(), []);
  });
}

const calls: Record<string, () => unknown> = {
  "createHooks(null)": () => createHooks(null as never),
  "new HookRegistry(null)": () => new HookRegistry(null as never),
  "use: a hook instead of a list": () => createHooks({ use: hook as never }),
  "options of on(): null": () => quietHooks().on("*", () => {}, null as never),
  "setStorage(undefined)": () =>
    quietHooks({ use: [hook] }).registry.setStorage(undefined as never),
  "setStorage(null), nothing registered": () => quietHooks().registry.setStorage(null as never),
  "an outbox that is none": () => createHooks({ outbox: {} as never }),
  "a store that is none": () => createHooks({ store: {} as never }),
  "a logger that is none": () => createHooks({ logger: {} as never }),
  "a schema that is none": () => createHooks({ schemas: { "tool.called": {} as never } }),
  "registerHook(undefined)": () => quietHooks().registry.registerHook(undefined as never),
  "registerWebhook(null)": () => quietHooks().registry.registerWebhook(null as never),
};
for (const [what, call] of Object.entries(calls)) {
  test(`${what} is rejected at the call with an error of the package`, () => {
    assert.throws(call, ours);
  });
}

for (
  const [what, options] of Object.entries({
    "a signal that is none": { signal: {} },
    "an idempotency key that is no string": { idempotencyKey: 7 },
  })
) {
  test(`emit() rejects ${what} with an error of the package`, async () => {
    const hooks = quietHooks();
    const emitted = hooks.emit("tool.called", BASH, options as never);
    await assert.rejects(emitted, /^TypeError: Cannot (emit|dispatch) .+: .+/);
  });
}

test("use() registers all hooks or none", async () => {
  const log: string[] = [];
  const hooks = quietHooks({ use: [fakeHook(log, "z")] });
  const good = [fakeHook(log, "a"), fakeWebhook(log, "w"), {
    kind: "handler",
    events: ["*"],
    handle() {},
  }] as const;
  for (
    const bad of [fakeHook(log, "z"), fakeHook(log, "a"), { ...hook, events: ["Bad"] }, 7 as never]
  ) {
    assert.throws(() => hooks.use(...good, bad), TypeError);
    assert.deepEqual(hooks.registry.list().map(({ name }) => name), ["z"]);
  }
  hooks.use(...good);
  await hooks.emit("tool.called", BASH);
  assert.deepEqual(log, [
    "z opens",
    "a opens",
    "z receives tool.called",
    "a receives tool.called",
    "w sends tool.called",
  ]);
});

test("createHooks() throws when one of its hooks is malformed", () => {
  assert.throws(() => createHooks({ use: [hook, fakeHook([], "a")] }), {
    name: "TypeError",
    message: "Cannot register hook 'a': the name is taken by another hook or webhook",
  });
});

test("a hook with a method deliver() is still a hook", async () => {
  const log: string[] = [];
  const hooks = quietHooks();
  hooks.use(Object.assign(fakeHook(log, "a"), { deliver: () => {} }));
  await hooks.emit("tool.called", BASH);
  assert.deepEqual(log, ["a opens", "a receives tool.called"]);
});
