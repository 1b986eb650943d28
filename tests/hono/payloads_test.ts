import assert from "node:assert/strict";
import { type AgentEvents, agentEventSchemas, createHooks } from "@omniagent/hooks";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { problemOf, receiptsOf, testApp, withApp } from "./helpers.ts";

/** Payloads as the Go package writes them, and those of gates. */
const GO: { readonly [Type in keyof AgentEvents]: readonly unknown[] } = {
  "message.received": [{ role: "user", content: "" }],
  "message.sent": [{ role: "assistant", content: "hello" }],
  "tool.called": [{ name: "bash" }, { name: "bash", params: { command: "ls" } }],
  "tool.completed": [{ name: "bash", result: "a.txt" }, { name: "bash", error: "denied" }],
  "tool.denied": [{ name: "bash", reason: "no", decision_id: "d-1", params: null, gate: "policy" }],
  "gate.decided": [
    {
      decision_id: "d-1",
      event_type: "tool.called",
      outcome: "denied",
      gates: [{ name: "policy", verdict: "deny" }],
      digest_in: "00",
      digest_out: "00",
      took_ms: 1,
    },
  ],
  "gate.late": [{
    decision_id: "d-1",
    event_type: "tool.called",
    gate: "policy",
    verdict: "deny",
    duration_ms: 7000,
    failure: null,
  }],
  "gate.asked": [
    {
      ask_id: "a-1",
      decision_id: "d-1",
      event_type: "tool.called",
      digest: "00",
      data: null,
      question: "Deploy?",
      expires_at: "2026-04-22T10:30:00Z",
      allow: ["allow", "deny"],
    },
  ],
  "gate.resolved": [{ ask_id: "a-1", decision_id: "d-1", outcome: "expired", by: null }],
  "model.called": [{ model: "m-1", call_id: "c-1", provider: null }],
  "model.completed": [
    {
      model: "m-1",
      call_id: "c-1",
      usage: { input_tokens: 10, output_tokens: 2, reasoning_tokens: null },
      duration_ms: 5,
    },
  ],
  "session.created": [{ session_id: "s-1", action: "created" }],
  "session.updated": [{ session_id: "s-1", action: "updated" }],
  "session.rollover": [null, [{ role: "user", content: "hi" }]].map((transcript) => ({
    session_id: "s-1",
    reason: "idle",
    transcript,
    started_at: "0001-01-01T00:00:00Z",
    ended_at: "2026-04-22T10:30:00.123456789+02:00",
  })),
  "job.executed": [{ job_id: "1", job_name: "sweep", success: false }],
  "agent.start": [{ run_id: "r-1", agent_id: "a-1", parent_agent_id: null }],
  "agent.end": [
    { success: true, aborted: false, duration_ms: 0 },
    { session_id: "s-1", success: false, error: "x", aborted: true, response: "", duration_ms: 12 },
  ],
};

/** Payloads that lack something, each with the pointers below `data`. */
const WRONG: readonly (readonly [type: string, data: unknown, ...pointers: string[]])[] = [
  ["tool.called", {}, "/name"],
  ["tool.called", { nme: 1 }, "/name"],
  ["tool.called", { name: null }, "/name"],
  ["tool.called", { name: 1, params: [] }, "/name", "/params"],
  ["tool.called", null, ""],
  ["tool.called", [], ""],
  ["tool.called", "bash", ""],
  ["tool.completed", { name: "bash", result: { a: 1 } }, "/result"],
  ["tool.denied", { name: "bash", reason: 5 }, "/reason", "/decision_id"],
  ["model.completed", { model: 1, call_id: "c-1" }, "/model", "/usage", "/duration_ms"],
  [
    "agent.end",
    { success: true, aborted: false, duration_ms: 1, usage: { input_tokens: "1" } },
    "/usage/input_tokens",
    "/usage/output_tokens",
  ],
  ["agent.start", { agent_id: 5 }, "/run_id", "/agent_id"],
  ["gate.resolved", { ask_id: "a", decision_id: "d", outcome: "maybe" }, "/outcome"],
  ["message.received", { role: "user" }, "/content"],
  ["message.sent", { role: 1, content: 1 }, "/role", "/content"],
  ["session.created", { session_id: "s-1", action: "saved" }, "/action"],
  ["session.updated", { action: "updated" }, "/session_id"],
  [
    "session.rollover",
    { session_id: "s-1", reason: "idle", transcript: [{ role: "user" }], started_at: 1 },
    "/transcript/0/content",
    "/started_at",
    "/ended_at",
  ],
  ["job.executed", { job_id: "1", job_name: "a", success: "yes" }, "/success"],
  ["agent.end", { success: true, duration_ms: "12" }, "/aborted", "/duration_ms"],
];

testApp(
  "payloads of the Go package are accepted, with more fields and null for absent ones",
  {},
  async ({ send }) => {
    for (const [type, payloads] of Object.entries(GO)) {
      for (const data of payloads) {
        await receiptsOf(await send("/events", { body: { type, data } }));
        const more = { ...data as object, labels: { team: "a" } };
        await receiptsOf(await send("/events", { body: { type, data: more } }));
      }
    }
    const data = { name: "bash", params: null, result: null, error: null };
    await receiptsOf(await send("/events", { body: { type: "tool.called", data } }));
  },
);

testApp(
  "an agent event whose payload lacks a field is rejected with its path, in every format",
  {},
  async ({ send }) => {
    for (const [type, data, ...pointers] of WRONG) {
      const at = (prefix: string) => ({
        status: 422,
        code: "request_invalid",
        pointers: pointers.map((pointer) => `${prefix}${pointer}`),
      });
      const post = async (body: unknown, headers: Readonly<Record<string, string>> = {}) =>
        await problemOf(await send("/events", { body, headers }));
      const good = { type: "order.paid", data: {} };
      assert.deepEqual(await post({ type, data }), at("/data"), type);
      assert.deepEqual(await post({ events: [good, { type, data }] }), at("/events/1/data"));
      const event = { specversion: "1.0", id: "1", source: "/a", type, data };
      const structured = { "content-type": "application/cloudevents+json" };
      assert.deepEqual(await post(event, structured), at("/data"));
      const batch = { "content-type": "application/cloudevents-batch+json" };
      assert.deepEqual(await post([event], batch), at("/0/data"));
      const binary = { "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/a", "ce-type": type };
      assert.deepEqual(await post(JSON.stringify(data), binary), at("/data"));
    }
  },
);

test("with validate: false every payload is accepted, and the document allows it", () =>
  withApp({ app: { validate: false } }, async ({ send }) => {
    for (const [type, data] of WRONG) {
      await receiptsOf(await send("/events", { body: { type, data } }));
    }
    const text = await (await send("/openapi.json")).text();
    assert.doesNotMatch(text, /"if"/);
  }));

test("agentEventSchemas validate emitted events", async () => {
  const hooks = createHooks<Record<string, unknown>>({
    logger: silentLogger,
    schemas: agentEventSchemas,
  });
  for (const [type, payloads] of Object.entries(GO)) {
    for (const data of payloads) await hooks.emit(type, data);
  }
  for (const [type, data, ...pointers] of WRONG) {
    await assert.rejects(hooks.emit(type, data), ({ issues }) => {
      const found = issues.map(({ path }: { path: string[] }) => path.join("/"));
      assert.deepEqual(found, pointers.map((pointer) => `data${pointer}`));
      return true;
    });
  }
  await hooks.close();
});
