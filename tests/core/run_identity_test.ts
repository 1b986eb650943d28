/** Which session, run, trace and agent an event belongs to: in code, on the wire, and in children. */
import assert from "node:assert/strict";
import { createHooks, decodeEvent, encodeEvent, type HookEvent } from "@omniagent/hooks";
import { deny } from "@omniagent/hooks/gates";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { decodeCloudEvents, encodeCloudEvent } from "@omniagent/hooks/webhook";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

const TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const IDENTITY = { sessionId: "s-1", runId: "run-1", traceparent: TRACE };

/** Hooks, and the events that they emitted. */
function recorded() {
  const hooks = createHooks({ logger: silentLogger });
  const events: HookEvent[] = [];
  hooks.on("*", (event) => void events.push(event));
  return { hooks, events };
}

test("emit() and emitInBackground() set the session, the run and the trace of an event", async () => {
  const { hooks, events } = recorded();
  await hooks.emit("tool.called", { name: "bash" }, IDENTITY);
  hooks.emitInBackground("tool.called", { name: "bash" }, IDENTITY);
  await hooks.close();
  for (const { sessionId, runId, traceparent } of events) {
    assert.deepEqual({ sessionId, runId, traceparent }, IDENTITY);
  }
  assert.equal(events.length, 2);
});

test("an event without a run and a trace has no fields for them, also after empty ones", async () => {
  const { hooks, events } = recorded();
  await hooks.emit("tool.called", { name: "bash" }, { runId: "", traceparent: "" });
  await hooks.emit("tool.called", { name: "bash" }, { runId: undefined, traceparent: undefined });
  await hooks.close();
  for (const event of events) {
    assert.deepEqual(Object.keys(event), ["id", "type", "timestamp", "data"]);
    assert.deepEqual(Object.keys(JSON.parse(new TextDecoder().decode(encodeEvent(event)))), [
      "id",
      "type",
      "timestamp",
      "data",
    ]);
  }
});

for (
  const [name, value] of [
    ["another version than it says", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
    ["a trace of zeros", `00-${"0".repeat(32)}-00f067aa0ba902b7-01`],
    ["a span of zeros", `00-4bf92f3577b34da6a3ce929d0e0e4736-${"0".repeat(16)}-01`],
    ["capital letters", TRACE.toUpperCase()],
    ["more than four fields", `${TRACE}-00`],
    ["a line break", `${TRACE}\n`],
    ["no text", 5],
  ] as const
) {
  test(`a traceparent that is ${name} is rejected in code and ignored on the wire`, async () => {
    const { hooks } = recorded();
    await assert.rejects(
      hooks.emit("tool.called", { name: "bash" }, { traceparent: value as string }),
      /Cannot emit 'tool.called': traceparent: must be a traceparent of W3C Trace Context/,
    );
    await hooks.close();
    const wire = { id: "e-1", type: "a", timestamp: "2026-01-01T00:00:00Z", data: {} };
    const decoded = decodeEvent(JSON.stringify({ ...wire, traceparent: value }));
    assert.equal("traceparent" in decoded, false);
    assert.throws(
      () => encodeEvent({ ...decoded, timestamp: decoded.timestamp, traceparent: value as string }),
      /traceparent/,
    );
  });
}

test("a run follows the rules of a session", async () => {
  const { hooks } = recorded();
  for (const runId of ["a\nb", "x".repeat(257), "\ud800", 5 as never]) {
    await assert.rejects(
      hooks.emit("tool.called", { name: "bash" }, { runId }),
      /: runId: must be/,
    );
  }
  await hooks.emit("tool.called", { name: "bash" }, { runId: "é".repeat(256) });
  await hooks.close();
});

test("run_id and traceparent follow session_id on the wire, and come back", async () => {
  const { hooks, events } = recorded();
  await hooks.emit("tool.called", { name: "bash" }, IDENTITY);
  await hooks.close();
  const text = new TextDecoder().decode(encodeEvent(events[0]!));
  assert.ok(
    text.includes(`"session_id":"s-1","run_id":"run-1","traceparent":"${TRACE}","data":`),
    text,
  );
  assert.deepEqual(decodeEvent(text), events[0]);
});

for (const mode of ["structured", "binary"] as const) {
  test(`run and trace are the extensions runid and traceparent of a CloudEvent: ${mode}`, () => {
    const event = { id: "e-1", type: "a", timestamp: new Date(0), data: {}, ...IDENTITY };
    const { headers, body } = encodeCloudEvent(event, { mode });
    const attributes = mode === "binary" ? headers : JSON.parse(new TextDecoder().decode(body));
    const prefix = mode === "binary" ? "ce-" : "";
    assert.equal(attributes[`${prefix}runid`], "run-1");
    assert.equal(attributes[`${prefix}traceparent`], TRACE);
    const [received] = decodeCloudEvents(new Headers(headers), body);
    const { sessionId, runId, traceparent } = received!.event;
    assert.deepEqual({ sessionId, runId, traceparent }, IDENTITY);
    assert.equal("traceparent" in received!.attributes, false);
  });
}

test("an invalid traceparent of a CloudEvent is an attribute like any other", () => {
  const event = { specversion: "1.0", id: "1", source: "s", type: "a", traceparent: "00-1" };
  const headers = new Headers({ "content-type": "application/cloudevents+json" });
  const [received] = decodeCloudEvents(headers, new TextEncoder().encode(JSON.stringify(event)));
  assert.equal("traceparent" in received!.event, false);
  assert.equal(received!.attributes.traceparent, "00-1");
});

test("the outbox stores run and trace, and lists the events of a run", async () => {
  const outbox = createOutbox(memoryStore());
  const hooks = createHooks({ outbox, logger: silentLogger });
  const { id } = await hooks.emit("tool.called", { name: "bash" }, IDENTITY);
  await hooks.emit("tool.called", { name: "bash" }, { ...IDENTITY, runId: "run-2" });
  const { items } = await outbox.listEvents({ runId: "run-1" });
  assert.deepEqual(items.map(({ event }) => event.id), [id]);
  const { sessionId, runId, traceparent } = items[0]!.event;
  assert.deepEqual({ sessionId, runId, traceparent }, IDENTITY);
  await hooks.close();
});

test("a repeated key is a duplicate in another run and trace", async () => {
  const hooks = createHooks({ outbox: createOutbox(memoryStore()), logger: silentLogger });
  const emit = (runId: string, traceparent?: string) =>
    hooks.emit("tool.called", { name: "bash" }, { runId, traceparent, idempotencyKey: "k" });
  const first = await emit("run-1", TRACE);
  assert.deepEqual(await emit("run-2"), { ...first, duplicate: true, deliveries: 0 });
  await hooks.close();
});

test("decide() and call() pass session, run and trace to everything that they emit", async () => {
  const { hooks, events } = recorded();
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data }) => data.name === "rm" ? deny("no") : undefined,
  });
  await hooks.decide("tool.called", { name: "rm" }, IDENTITY);
  await hooks.call("bash", {}, () => "done", IDENTITY);
  await hooks.call("rm", {}, () => "done", IDENTITY);
  await hooks.close();
  assert.deepEqual(
    events.map(({ type }) => type).sort(),
    [
      "gate.decided",
      "gate.decided",
      "gate.decided",
      "tool.called",
      "tool.completed",
      "tool.denied",
      "tool.denied",
    ],
  );
  for (const { sessionId, runId, traceparent } of events) {
    assert.deepEqual({ sessionId, runId, traceparent }, IDENTITY);
  }
});

test("a rewrite can't change run and agents", async () => {
  const { hooks } = recorded();
  for (const field of ["agent_id", "parent_agent_id", "run_id"]) {
    const off = hooks.gate("tool.called", {
      name: "mask",
      kind: "rewrite",
      handle: ({ data }) => ({ ...data, [field]: "other" }),
    });
    const decision = await hooks.decide("tool.called", { name: "bash" });
    assert.equal(decision.decision, "deny");
    off();
  }
  await hooks.close();
});

test("a child adds its agents to the events of agents, and its run to all", async () => {
  const { hooks, events } = recorded();
  const child = hooks.child({
    agentId: "researcher",
    parentAgentId: "planner",
    runId: "run-1",
    sessionId: "s-1",
  });
  await child.emit("agent.start", { run_id: "run-1" });
  await child.emit("model.called", { model: "m", call_id: "c" });
  await child.dispatcher.emit("tool.called", { name: "bash" });
  child.emitInBackground("tool.called", { name: "bash", agent_id: "own" });
  await child.drain();
  await child.emit("message.sent", { role: "assistant", content: "hi" }, { sessionId: "s-2" });
  await child.call("bash", {}, () => "ok");
  await child.decide("tool.called", { name: "bash" });
  await child.emit("session.updated", { session_id: "s-1", action: "updated" });
  await child.emit("job.executed", { job_id: "j", job_name: "sync", success: true });
  await child.emit("order.paid" as never, { amount: 5 } as never);
  await hooks.close();
  const of = (event: HookEvent) => event.data as Readonly<Record<string, unknown>>;
  assert.deepEqual(
    events.map((event) => [event.type, of(event).agent_id, of(event).parent_agent_id]),
    [
      ["agent.start", "researcher", "planner"],
      ["model.called", "researcher", "planner"],
      ["tool.called", "researcher", "planner"],
      ["tool.called", "own", "planner"],
      ["message.sent", "researcher", "planner"],
      ["tool.called", "researcher", "planner"],
      ["tool.completed", "researcher", "planner"],
      ["tool.called", "researcher", "planner"],
      ["session.updated", "researcher", "planner"],
      ["job.executed", "researcher", "planner"],
      ["order.paid", undefined, undefined],
    ],
  );
  assert.deepEqual(new Set(events.map(({ runId }) => runId)), new Set(["run-1"]));
  assert.deepEqual(
    events.map(({ type, sessionId }) => sessionId === (type === "message.sent" ? "s-2" : "s-1")),
    events.map(() => true),
  );
});

test("a child of a child has the run and session of its parent", async () => {
  const { hooks, events } = recorded();
  const parent = hooks.child({ agentId: "planner", runId: "run-1", sessionId: "s-1" });
  await parent.child({ agentId: "researcher" }).emit("tool.called", { name: "bash" });
  await hooks.close();
  const { runId, sessionId, data } = events[0]!;
  assert.deepEqual({ runId, sessionId, data }, {
    runId: "run-1",
    sessionId: "s-1",
    data: { name: "bash", agent_id: "researcher", parent_agent_id: "planner" },
  });
});

test("a child has the gates of its parent, and can't drop required ones", async () => {
  const hooks = createHooks({ gates: { required: ["policy"] }, logger: silentLogger });
  const child = hooks.child({ agentId: "researcher" });
  const run = () => assert.fail("the tool ran");
  const before = await child.call("bash", {}, run) as unknown as { readonly denied: boolean };
  assert.equal(before.denied, true);
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data }) => deny(`not for ${data.agent_id}`),
  });
  assert.equal(
    (await child.call("bash", {}, run) as unknown as { readonly reason: string }).reason,
    "not for researcher",
  );
  assert.throws(
    () => child.child({ agentId: "a", gates: {} } as never),
    /unknown option 'gates'/,
  );
  await hooks.close();
});

test("a child rejects a payload that can't be read with the error of emit()", async () => {
  const { hooks } = recorded();
  const child = hooks.child({ agentId: "researcher" });
  const data = {
    get name(): string {
      throw new Error("no name");
    },
  };
  await assert.rejects(child.emit("tool.called", data), /Cannot emit 'tool.called': data.*no name/);
  await assert.rejects(child.emit("tool.called", data, "s-1" as never), /Did you mean/);
  await hooks.close();
});

test("child() rejects invalid options", async () => {
  const { hooks } = recorded();
  for (
    const [options, message] of [
      [undefined, /options/],
      [{}, /'agentId' must be a string of 1 to 256 characters, got undefined/],
      [{ agentId: "" }, /'agentId'/],
      [{ agentId: "a", parentAgentId: 5 }, /'parentAgentId'/],
      [{ agentId: "a", runId: "\n" }, /'runId' must be/],
      [{ agentId: "a", session: "s" }, /unknown option 'session'/],
    ] as const
  ) {
    assert.throws(() => hooks.child(options as never), message);
  }
  await hooks.close();
});

test("events of gates, webhooks and deliveries are never judged, so that they cause no others", async () => {
  const { hooks, events } = recorded();
  const seen: string[] = [];
  hooks.gate("*", { name: "all", handle: ({ type }) => void seen.push(type) });
  const reports = ["gate.resolved", "webhook.test", "delivery.dead"];
  for (const type of reports) {
    await hooks.emit(type as never, { ask_id: "a" } as never);
    await assert.rejects(
      () => hooks.decide(type as never, { ask_id: "a" } as never),
      /^TypeError: Cannot decide about '[a-z.]+': no gate decides about/,
    );
  }
  for (const pattern of ["gate.*", "gate.decided", "webhook.*", "delivery.dead"]) {
    assert.throws(
      () => hooks.gate(pattern as never, { name: "loop", handle: () => deny("no") }),
      /Cannot register gate 'loop': no gate decides about/,
    );
  }
  await hooks.close();
  assert.deepEqual([seen, events.map(({ type }) => type)], [[], reports]);
});
