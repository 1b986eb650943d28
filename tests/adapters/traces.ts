/**
 * The spans of runs, with the SDK of OpenTelemetry.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks } from "@omniagent/hooks";
import { otel } from "@omniagent/hooks/otel";
import { api, ofScopes, takeSpans, treeOf } from "../support/otel_sdk.ts";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import type { Driver, Script } from "./driver.ts";

/** Spans of events, which say nothing about how runs and tools belong together. */
const EVENT = /^ *send /;

/** The name of the test, and of what differs there. */
export const TRACE = "the spans of a run, its tools, and its subagent are one tree";

/** The spans of all SDKs where nothing differs, without those of events. */
export const TREE: readonly string[] = [
  "app",
  "  invoke_agent main",
  "    execute_tool helper",
  "      run_guardrail policy",
  "      invoke_agent helper",
  "        execute_tool pay",
  "          run_guardrail policy",
  "          the bank",
];

/** Registers the test of an SDK. */
export function testTraces(driver: Driver): void {
  test(`${driver.name}: ${TRACE}`, () => play(driver), driver);
}

async function play(driver: Driver): Promise<void> {
  const tracer = api.trace.getTracer("app");
  const pay: Script["tools"][string] = async ({ amount }) =>
    await tracer.startActiveSpan("the bank", async (span) => {
      await Promise.resolve();
      span.end();
      return `paid ${amount}`;
    });
  const hooks = createHooks({ telemetry: otel(api), logger: silentLogger });
  hooks.gate("tool.called", { name: "policy", handle: () => undefined });
  await takeSpans();
  await tracer.startActiveSpan("app", async (span) => {
    const call = (id: string, name: string) => [{ id, name, params: { amount: 7 } }];
    await driver.run({
      hooks,
      sessionId: "s-1",
      prompt: "hi",
      tools: { pay },
      turns: [{ calls: call("c1", "helper") }, { text: "done" }],
      subagent: {
        name: "helper",
        tools: { pay },
        turns: [{ calls: call("h1", "pay") }, { text: "helped" }],
      },
    });
    span.end();
  });
  await hooks.close();

  const all = await takeSpans();
  const tree = treeOf(ofScopes(all, ["app", "@omniagent/hooks"]));
  // The SDK may know a name of the first agent.
  const shown = tree.filter((line) => !EVENT.test(line))
    .map((line, index) => index === 1 ? line.replace(/( invoke_agent).*/, "$1 main") : line);
  console.log(tree.join("\n"));
  assert.deepEqual(shown, driver.differences?.[TRACE]?.log ?? TREE);
  assert.equal(new Set(all.map((span) => span.spanContext().traceId)).size, 1, "one trace");
  const runs = all.filter(({ attributes }) => attributes["omniagent.run.id"] !== undefined)
    .filter(({ name }) => name.startsWith("invoke_agent"));
  assert.equal(runs.length, 2);
  for (const { attributes, status } of runs) {
    assert.equal(attributes["gen_ai.operation.name"], "invoke_agent");
    assert.equal(attributes["gen_ai.conversation.id"], "s-1");
    assert.equal(attributes["gen_ai.usage.input_tokens"], 6);
    assert.equal(attributes["gen_ai.usage.output_tokens"], 10);
    assert.equal(status.code, api.SpanStatusCode.UNSET);
  }
}
