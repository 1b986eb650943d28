/** The option `telemetry`, with telemetry of one's own: what it is called with, and how it may fail. */
import assert from "node:assert/strict";
import { createHooks, type HookEvent, type Hooks, type HooksOptions } from "@omniagent/hooks";
import { aiSdkHooks } from "@omniagent/hooks/ai-sdk";
import type { Telemetry } from "@omniagent/hooks/otel";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

const TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/** Telemetry that notes what it is called with. */
function recording(overrides: Partial<Telemetry> = {}) {
  const calls: string[] = [];
  const telemetry: Telemetry = {
    span(name, _attributes, fn) {
      calls.push(`span ${name}`);
      return fn({ set: () => {} });
    },
    inject: () => TRACE,
    count: (name) => void calls.push(`count ${name}`),
    record: (name) => void calls.push(`record ${name}`),
    observe() {
      calls.push("observe");
      return () => void calls.push("stop");
    },
    ...overrides,
  };
  return { calls, telemetry };
}

test("spans and numbers of a call are reported in order, and the gauges until close()", async () => {
  const { calls, telemetry } = recording();
  const outbox = createOutbox(memoryStore(), { logger: silentLogger });
  const hooks = createHooks({ outbox, telemetry, logger: silentLogger });
  hooks.gate("tool.called", { name: "policy", handle: () => undefined });
  const events: HookEvent[] = [];
  hooks.on("*", (event) => void events.push(event));
  await hooks.call("bash", {}, () => "ok");
  await hooks.close();
  assert.deepEqual(calls, [
    "observe",
    "span tool",
    "span gate",
    "count omniagent.hooks.gate.decisions",
    "record omniagent.hooks.gate.duration",
    "span send",
    "span send",
    "count omniagent.hooks.events",
    "count omniagent.hooks.events",
    "span send",
    "count omniagent.hooks.events",
    "stop",
  ]);
  assert.deepEqual(events.map(({ traceparent }) => traceparent), [TRACE, TRACE, TRACE]);
});

const fails = (): never => {
  throw new Error("the telemetry broke");
};
const BROKEN: Readonly<Record<string, Partial<Telemetry>>> = {
  "throws before a span starts": { span: fails },
  "throws after a span": {
    span(_name, _attributes, fn) {
      void fn({ set: fails });
      return fails();
    },
  },
  "calls nothing": { span: () => undefined as never },
  "calls twice": {
    span(_name, _attributes, fn) {
      void fn({ set: () => {} });
      return fn({ set: () => {} });
    },
  },
  "throws when it binds a span": { bind: fails },
  "throws in a bound span": { bind: () => fails },
  "calls nothing in a bound span": { bind: () => () => undefined as never },
  "throws everywhere": {
    span: fails,
    inject: fails,
    bind: fails,
    count: fails,
    record: fails,
    observe: fails,
  },
};
for (const [name, overrides] of Object.entries(BROKEN)) {
  test(`telemetry that ${name} changes no outcome`, async () => {
    const errors: unknown[] = [];
    const options: HooksOptions = {
      outbox: createOutbox(memoryStore(), { logger: silentLogger }),
      telemetry: recording(overrides).telemetry,
      onError: (error) => errors.push(error),
      logger: silentLogger,
    };
    const hooks = createHooks(options);
    let runs = 0;
    const seen: string[] = [];
    hooks.on("*", ({ type }) => void seen.push(type));
    hooks.gate("tool.called", { name: "policy", handle: () => undefined });
    assert.equal(await hooks.call("bash", {}, () => `run ${++runs}`), "run 1");
    await assert.rejects(
      hooks.call("bash", {}, () => {
        throw new RangeError("of the tool");
      }),
      RangeError,
    );
    await runAgent(hooks);
    await hooks.close();
    const expected = [
      ["tool.called", 3],
      ["gate.decided", 3],
      ["tool.completed", 3],
      ["agent.start", 1],
      ["agent.end", 1],
    ] as const;
    for (const [type, count] of expected) {
      assert.equal(seen.filter((one) => one === type).length, count, type);
    }
    const isReported = errors.some((error) => /the telemetry broke/.test(String(error)));
    assert.equal(isReported, name.startsWith("throws"));
  });
}

/** Does what the AI SDK does in a run with one tool call. */
async function runAgent(hooks: Hooks): Promise<void> {
  const tools = { bash: { execute: () => "ok" } };
  const options = aiSdkHooks(hooks).options({ tools });
  const { integrations: [sdk] } = options.telemetry as { readonly integrations: readonly AiSdk[] };
  const run = { callId: "run-1" };
  await sdk!.onStart({ ...run, operationId: "ai.generateText", tools: options.tools });
  const toolCall = { toolName: "bash", toolCallId: "c1", input: {} };
  const execute = () =>
    (options.tools.bash.execute as (...args: unknown[]) => unknown)({}, { toolCallId: "c1" });
  assert.equal(await sdk!.executeTool({ ...run, toolCallId: "c1", toolCall, execute }), "ok");
  await sdk!.onEnd(run);
}

/** What the AI SDK calls of its telemetry. */
type AiSdk = Readonly<
  Record<"onStart" | "executeTool" | "onEnd", (call: object) => Promise<unknown>>
>;

test("metrics() has the numbers without telemetry, by a bounded number of types", async () => {
  const outbox = createOutbox(memoryStore(), { logger: silentLogger });
  const hooks = createHooks<Record<string, unknown>>({ outbox, logger: silentLogger });
  for (let n = 0; n < 520; n++) await hooks.emit(`type.n${n}`, null);
  const metrics = await hooks.registry.metrics();
  const { points } = metrics.find(({ name }) => name === "omniagent.hooks.events")!;
  assert.equal(points.length, 501);
  assert.deepEqual(points.at(-1), { attributes: { type: "other" }, value: 20 });
  await hooks.close();
});

test("createHooks() rejects an invalid 'telemetry'", () => {
  for (const telemetry of [{}, "otel", { span: 1 }, null]) {
    assert.throws(() => createHooks({ telemetry: telemetry as never }), TypeError);
  }
});
