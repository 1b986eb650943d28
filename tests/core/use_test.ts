import assert from "node:assert/strict";
import {
  defineHook,
  type Hook,
  withCompiledHook,
  withHook,
  withNamedHook,
  withWebhookHook,
} from "@omniagent/hooks";
import { test } from "../support/harness.ts";
import { BASH, fakeHook, fakeWebhook, quietHooks } from "./_fakes.ts";

test("use() accepts hooks, webhooks, and results of withHook() and its siblings, in order", async () => {
  const log: string[] = [];
  const hooks = quietHooks();
  const registrations = hooks.use(
    fakeHook(log, "hook"),
    fakeWebhook(log, "webhook"),
    withHook("tool.*", (event) => void log.push(`handler receives ${event.type}`)),
    withNamedHook(
      ["tool.called", "agent.end"],
      "named",
      (event) => void log.push(`named receives ${event.type}`),
    ),
    withCompiledHook(fakeHook(log, "compiled")),
    withWebhookHook(fakeWebhook(log, "sender")),
  );
  assert.equal(registrations.length, 6);
  assert.deepEqual(hooks.registry.list(), [
    { name: "hook", kind: "hook", events: ["*"], durable: false },
    { name: "webhook", kind: "webhook", events: ["*"], durable: false },
    { name: "tool.*", kind: "handler", events: ["tool.*"], durable: false },
    { name: "named", kind: "handler", events: ["tool.called", "agent.end"], durable: false },
    { name: "compiled", kind: "hook", events: ["*"], durable: false },
    { name: "sender", kind: "webhook", events: ["*"], durable: false },
  ]);
  assert.deepEqual([hooks.registry.hookCount(), hooks.registry.handlerCount("tool.called")], [
    4,
    6,
  ]);
  await hooks.init();
  log.length = 0;
  await hooks.emit("tool.called", BASH);
  assert.deepEqual(log, [
    "hook receives tool.called",
    "webhook sends tool.called",
    "handler receives tool.called",
    "named receives tool.called",
    "compiled receives tool.called",
    "sender sends tool.called",
  ]);
});

test("use() returns registrations in order, and each one unregisters its own hook", () => {
  const hooks = quietHooks();
  const [a, b, c] = hooks.use(fakeHook([], "a"), withHook("*", () => {}), fakeWebhook([], "c"));
  b!.unregister();
  assert.deepEqual(hooks.registry.list().map(({ name }) => name), ["a", "c"]);
  a!.unregister();
  c!.unregister();
  assert.deepEqual([hooks.registry.list(), hooks.use()], [[], []]);
});

test("withHook() and its siblings return plain data that any hooks can use", async () => {
  const log: string[] = [];
  const options = [
    withNamedHook("tool.called", "a", () => void log.push("a")),
    withCompiledHook(defineHook({ name: "b", events: ["*"], handle: () => void log.push("b") })),
  ];
  assert.deepEqual(options.map(({ kind }) => kind), ["handler", "hook"]);
  for (const hooks of [quietHooks({ use: options }), quietHooks({ use: options })]) {
    await hooks.emit("tool.called", BASH);
  }
  assert.deepEqual(log, ["a", "b", "a", "b"]);
});

test("a handler is named by its option, else by its function, else by its patterns", () => {
  const hooks = quietHooks();
  function audit(): void {}
  hooks.on("tool.called", audit, { name: "by option" });
  hooks.on("tool.called", audit);
  hooks.on(["tool.called", "agent.*"], () => {});
  hooks.on("*", () => {}, { name: "" });
  hooks.registry.registerHandler("*", "by argument", audit, { name: "not this one" });
  hooks.registry.registerHandler("*", "", audit);
  hooks.use(withHook("*", audit), withHook("*", () => {}), withNamedHook("*", "", audit));
  const names = hooks.registry.list().map(({ name }) => name);
  assert.deepEqual(names, [
    "by option",
    "audit",
    "tool.called, agent.*",
    "*",
    "by argument",
    "audit",
    "audit",
    "*",
    "audit",
  ]);
});

test("a failing handler appears under its name in the error", async () => {
  const hooks = quietHooks();
  hooks.on("tool.called", function audit() {
    throw new Error("no disk");
  });
  await assert.rejects(hooks.emit("tool.called", BASH), {
    message: "Cannot complete event 'tool.called': 1 handler failed: 'audit' (no disk)",
  });
});

test("the methods of Hooks need no `this`", async () => {
  const log: string[] = [];
  const { on, use, emit, emitInBackground, init, drain, close } = quietHooks();
  on("tool.called", () => void log.push("handler"));
  use(fakeHook(log, "a"));
  await init();
  await emit("tool.called", BASH);
  emitInBackground("tool.called", BASH);
  await drain();
  await close();
  const received = ["handler", "a receives tool.called"];
  assert.deepEqual(log, ["a opens", ...received, ...received, "a closes"]);
});

test("a hook's methods keep their `this`, getters and private fields", async () => {
  class Meter implements Hook {
    readonly name = "meter";
    #log: string[] = [];
    get events(): readonly string[] {
      return ["tool.*"];
    }
    get log(): readonly string[] {
      return this.#log;
    }
    init(): void {
      this.#log.push("init");
    }
    filter(): boolean {
      return this.#log.push("filter") > 0;
    }
    handle(): void {
      this.#log.push("handle");
    }
    close(): void {
      this.#log.push("close");
    }
  }
  for (const option of [(hook: Hook) => hook, withCompiledHook]) {
    const meter = new Meter();
    const hooks = quietHooks({ use: [option(meter)] });
    await hooks.emit("tool.called", BASH);
    await hooks.close();
    assert.deepEqual(meter.log, ["init", "filter", "handle", "close"]);
  }
});

test("a handler option's handle() keeps its `this`, too", async () => {
  const counter = {
    kind: "handler" as const,
    events: ["tool.*"],
    calls: 0,
    handle(): void {
      this.calls++;
    },
  };
  const hooks = quietHooks({ use: [counter] });
  await hooks.emit("tool.called", BASH);
  assert.equal(counter.calls, 1);
});

test("Symbol.dispose of a registration unregisters it once", async () => {
  const log: string[] = [];
  const hooks = quietHooks();
  const registrations = [
    hooks.on("tool.called", () => void log.push("handler")),
    ...hooks.use(fakeHook(log, "a")),
    hooks.registry.registerWebhook(fakeWebhook(log, "w")),
  ];
  for (const registration of registrations) {
    registration[Symbol.dispose]();
    registration[Symbol.dispose]();
    registration.unregister();
  }
  const { handlers } = await hooks.emit("tool.called", BASH);
  assert.deepEqual([handlers, log, hooks.registry.hookCount()], [[], [], 0]);
});

test("the methods of a registration need no `this`", () => {
  const hooks = quietHooks();
  const { unregister } = hooks.on("*", () => {});
  unregister();
  assert.deepEqual(hooks.registry.list(), []);
});

test("changing a hook after its registration has no effect on validated options", async () => {
  const log: string[] = [];
  const events = ["tool.called"];
  const hook = fakeHook(log, "a", { events });
  const hooks = quietHooks({ use: [hook] });
  events[0] = "Not A Pattern";
  events.push("agent.end");
  assert.deepEqual(hooks.registry.list()[0]!.events, ["tool.called"]);
  await hooks.emit("tool.called", BASH);
  assert.deepEqual(log, ["a opens", "a receives tool.called"]);
});

test("defineHook() returns the same object in both forms", () => {
  const definition = { name: "a", events: ["tool.*"], handle() {} } as const;
  assert.equal(defineHook(definition), definition);
  assert.equal(defineHook<{ "tool.x": number }>()(definition), definition);
});
