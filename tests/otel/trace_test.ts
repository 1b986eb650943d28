/** Traces, with the SDK of OpenTelemetry: from an agent's tool call to the receiver of a webhook. */
import assert from "node:assert/strict";
import { createHooks, fixedRetry, type HookEvent, WebhookHook } from "@omniagent/hooks";
import { deny } from "@omniagent/hooks/gates";
import { otel } from "@omniagent/hooks/otel";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { generateSecret, WebhookGate, webhookReceiver } from "@omniagent/hooks/webhook";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { until } from "../support/until.ts";
import { api, takeSpans, treeOf, valuesOf } from "../support/otel_sdk.ts";

const TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const SECRET = "sk-live-0123456789abcdef";
const secret = generateSecret();

/** A receiver in this process that fails its first requests. */
function receiverThatFails(times: number) {
  const received: { event: HookEvent; traceparent: string | undefined; header: string | null }[] =
    [];
  const receive = webhookReceiver((event, { traceparent, headers }) => {
    received.push({ event, traceparent, header: headers.get("traceparent") });
  }, { secret, telemetry: otel(api), logger: silentLogger });
  const headers: (string | null)[] = [];
  const send: typeof fetch = async (input, init) => {
    // What is on the other side has no context of ours.
    return await api.context.with(api.ROOT_CONTEXT, async () => {
      const request = new Request(input, init);
      headers.push(request.headers.get("traceparent"));
      return times-- > 0 ? new Response("busy", { status: 503 }) : await receive(request);
    });
  };
  return { received, headers, send };
}

test("one trace goes from a tool call through gate, outbox and three attempts to the receiver", async () => {
  await takeSpans();
  const { received, headers, send } = receiverThatFails(2);
  const outbox = createOutbox(memoryStore(), { logger: silentLogger });
  const hooks = createHooks({ outbox, telemetry: otel(api), logger: silentLogger });
  hooks.gate("tool.called", { name: "policy", handle: () => Promise.resolve(undefined) });
  hooks.use(
    new WebhookHook({
      name: "audit",
      events: ["tool.called"],
      url: "http://localhost:9/events",
      secret,
      retry: fixedRetry({ delay: 1, retries: 5, jitter: 0 }),
      fetch: send,
    }),
  );
  const tracer = api.trace.getTracer("agent");
  await tracer.startActiveSpan("agent", async (span) => {
    const options = { sessionId: "s-1", runId: "run-1", callId: "c-1" };
    assert.equal(await hooks.call("search", { query: SECRET }, () => "found", options), "found");
    span.end();
  });
  await until(() => received.length === 1);
  await hooks.close();

  const spans = await takeSpans();
  const tree = treeOf(spans);
  console.log(tree.join("\n"));
  assert.deepEqual(tree, [
    "agent",
    "  execute_tool search",
    "    run_guardrail policy",
    "    send tool.called",
    "      process audit",
    "      process audit",
    "      process audit",
    "        process tool.called",
    "    send gate.decided",
    "    send tool.completed",
  ]);
  assert.equal(new Set(spans.map((span) => span.spanContext().traceId)).size, 1);

  const byName = (name: string) => spans.filter((span) => span.name === name);
  const [tool] = byName("execute_tool search");
  assert.deepEqual(tool!.attributes, {
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": "search",
    "gen_ai.tool.call.id": "c-1",
    "session.id": "s-1",
    "gen_ai.conversation.id": "s-1",
    "omniagent.run.id": "run-1",
    "omniagent.decision": "allow",
  });
  const [producer] = byName("send tool.called");
  assert.equal(producer!.kind, api.SpanKind.PRODUCER);
  const attempts = byName("process audit");
  assert.deepEqual(attempts.map(({ kind }) => kind), Array(3).fill(api.SpanKind.CONSUMER));
  assert.deepEqual(
    attempts.map(({ attributes }) => attributes["http.response.status_code"]),
    [503, 503, 200],
  );
  assert.deepEqual(
    attempts.map(({ attributes }) => attributes["http.request.resend_count"]),
    [undefined, 1, 2],
  );
  assert.deepEqual(attempts.map(({ attributes }) => attributes["error.type"]), [
    "503",
    "503",
    undefined,
  ]);
  for (const { links } of attempts) {
    assert.deepEqual(links.map(({ context }) => context.spanId), [producer!.spanContext().spanId]);
  }
  // Each attempt sends its own span; the event keeps that of the producer.
  const { traceId } = producer!.spanContext();
  assert.deepEqual(
    headers,
    attempts.map((span) => `00-${traceId}-${span.spanContext().spanId}-01`),
  );
  const [{ event, traceparent }] = received as [typeof received[number]];
  assert.equal(event.traceparent, `00-${traceId}-${producer!.spanContext().spanId}-01`);
  assert.equal(traceparent, headers[2]);

  // Content isn't captured.
  const everything = JSON.stringify(spans.map(({ name, attributes, events, status }) => {
    return { name, attributes, events, status };
  }));
  assert.ok(!everything.includes(SECRET) && !everything.includes("found"), everything);
  assert.ok(!everything.includes(secret));
});

test("a CloudEvent carries the trace of the producer, and the header that of the attempt", async () => {
  await takeSpans();
  const { received, send } = receiverThatFails(0);
  const hooks = createHooks({ telemetry: otel(api), logger: silentLogger });
  const options = { name: "audit", events: ["tool.called"], secret, fetch: send };
  hooks.use(
    new WebhookHook({ ...options, url: "http://localhost:9/events", format: "cloudevents" }),
  );
  await hooks.emit("tool.called", { name: "bash" }, { traceparent: TRACE });
  await hooks.close();
  const [producer] = (await takeSpans()).filter(({ name }) => name === "send tool.called");
  const { traceId, spanId } = producer!.spanContext();
  assert.equal(traceId, TRACE.split("-")[1], "the trace that was passed goes on");
  assert.equal(producer!.parentSpanContext!.spanId, TRACE.split("-")[2]);
  assert.equal(received[0]!.event.traceparent, `00-${traceId}-${spanId}-01`);
  assert.notEqual(received[0]!.header, received[0]!.event.traceparent);
});

test("a gate gets the trace of its span, and sends it on over HTTP", async () => {
  await takeSpans();
  const hooks = createHooks({ telemetry: otel(api), logger: silentLogger });
  const sent: (string | null)[] = [];
  const local: (string | undefined)[] = [];
  hooks.use(
    new WebhookGate({
      name: "policy",
      events: ["tool.called"],
      url: "http://localhost:9/",
      concurrency: 1, // the others wait for their turn, each in its own span
      fetch: async (input, init) => {
        sent.push(new Request(input, init).headers.get("traceparent"));
        await Promise.resolve();
        return new Response(null, { status: 204 });
      },
    }),
  );
  hooks.gate("tool.called", {
    name: "local",
    handle: (_, { traceparent }) => void local.push(traceparent),
  });
  await Promise.all([1, 2, 3].map(() => hooks.call("ls", {}, () => "ran")));
  await hooks.decide("tool.called", { name: "ls" }, { traceparent: TRACE });
  await hooks.close();
  const spans = await takeSpans();
  const tracesOf = (name: string) =>
    spans.filter((span) => span.name === `run_guardrail ${name}`)
      .map((span) => `00-${span.spanContext().traceId}-${span.spanContext().spanId}-01`);
  assert.equal(new Set(sent).size, 4);
  assert.deepEqual([...sent].sort(), tracesOf("policy").sort());
  assert.deepEqual([...local].sort(), tracesOf("local").sort());
  const [, traceId, spanId] = TRACE.split("-");
  assert.equal(sent[3]!.split("-")[1], traceId, "the trace that was passed goes on");
  const passed = spans.filter((span) => span.parentSpanContext?.spanId === spanId);
  assert.ok(passed.some(({ name }) => name === "run_guardrail policy"));
});

test("a denied call and a gate that fails are in the trace", async () => {
  await takeSpans();
  const hooks = createHooks({ telemetry: otel(api), logger: silentLogger });
  hooks.gate("tool.called", { name: "policy", handle: () => deny("it says sk-live") });
  hooks.gate("tool.called", {
    name: "broken",
    handle: () => {
      throw new Error("it broke");
    },
  });
  await hooks.call("rm", {}, () => assert.fail("it ran"));
  await hooks.close();
  const spans = await takeSpans();
  const of = (name: string) => spans.find((span) => span.name === name)!;
  assert.equal(of("execute_tool rm").attributes["omniagent.decision"], "deny");
  assert.equal(of("run_guardrail policy").attributes["omniagent.gate.verdict"], "deny");
  assert.equal(of("run_guardrail broken").attributes["error.type"], "error");
  assert.equal(of("run_guardrail broken").status.code, api.SpanStatusCode.ERROR);
  assert.ok(
    !JSON.stringify(spans.map(({ attributes, status }) => [attributes, status]))
      .includes("sk-live"),
  );
});

test("a tool that throws fails its span, without its message", async () => {
  await takeSpans();
  const hooks = createHooks({ telemetry: otel(api), logger: silentLogger });
  const run = () => {
    throw new TypeError(SECRET);
  };
  await assert.rejects(hooks.call("bash", {}, run), TypeError);
  await hooks.close();
  const span = (await takeSpans()).find(({ name }) => name === "execute_tool bash")!;
  assert.deepEqual([span.status, span.attributes["error.type"]], [
    { code: api.SpanStatusCode.ERROR },
    "TypeError",
  ]);
});

test("captureContent records parameters and results as redact returns them", async () => {
  await takeSpans();
  const hooks = createHooks({
    telemetry: otel(api, { captureContent: true }),
    redact: (event) =>
      JSON.parse(
        JSON.stringify(event).replaceAll(SECRET, "***"),
        (key, value) => key === "timestamp" ? new Date(value) : value,
      ),
    logger: silentLogger,
  });
  await hooks.call("bash", { token: SECRET, command: "ls" }, () => `a.txt ${SECRET}`);
  await hooks.close();
  const span = (await takeSpans()).find(({ name }) => name === "execute_tool bash")!;
  assert.equal(span.attributes["gen_ai.tool.call.arguments"], '{"token":"***","command":"ls"}');
  assert.equal(span.attributes["gen_ai.tool.call.result"], "a.txt ***");
});

test("counters, histograms and gauges reach the SDK", async () => {
  const outbox = createOutbox(memoryStore(), { logger: silentLogger });
  const hooks = createHooks({ outbox, telemetry: otel(api), logger: silentLogger });
  const { received, send } = receiverThatFails(0);
  const options = { name: "numbers", events: ["job.executed"], secret, fetch: send };
  hooks.use(new WebhookHook({ ...options, url: "http://localhost:9/events" }));
  hooks.gate("job.executed", { name: "counted", handle: () => undefined });
  await hooks.decide("job.executed", { job_id: "1", job_name: "sweep", success: true });
  await until(() => received.length === 1);
  await hooks.emit("message.sent", { role: "assistant", content: "x" });
  const gauges = await valuesOf("omniagent.hooks.target.enabled");
  assert.deepEqual([...gauges], [['{"target":"numbers"}', 1]]);
  assert.equal((await valuesOf("omniagent.hooks.backlog")).size, 1);
  await hooks.close();
  assert.equal((await valuesOf("omniagent.hooks.events")).get('{"type":"message.sent"}'), 1);
  const delivered = '{"target":"numbers","outcome":"delivered"}';
  assert.equal((await valuesOf("omniagent.hooks.deliveries")).get(delivered), 1);
  const durations = await valuesOf("omniagent.hooks.attempt.duration");
  assert.equal((durations.get(delivered) as { readonly count: number }).count, 1);
  const decisions = await valuesOf("omniagent.hooks.gate.decisions");
  assert.equal(decisions.get('{"gate":"counted","verdict":"none"}'), 1);
  await takeSpans();
});
