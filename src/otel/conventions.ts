/**
 * The names of spans and attributes. Those of generative AI and messaging are experimental and will change,
 * so all of them are in this file.
 *
 * Semantic conventions 1.45, https://opentelemetry.io/docs/specs/semconv/
 *
 * @module
 */
import type { SpanOutcome, Spans } from "../core/telemetry.ts";
import type { OtelAttributes } from "./api.ts";

/** `SpanKind` of OpenTelemetry. */
const SPAN_KIND = { internal: 0, producer: 3, consumer: 4 } as const;

/** How a span starts. */
type SpanStart = {
  readonly title: string;
  readonly kind: number;
  readonly attributes: OtelAttributes;
};

const SYSTEM = "omniagent_hooks";

/** Returns how a span starts. */
export function startOf<Name extends keyof Spans>(name: Name, attributes: Spans[Name]): SpanStart {
  return STARTS[name](attributes);
}

const STARTS: { readonly [Name in keyof Spans]: (attributes: Spans[Name]) => SpanStart } = {
  agent: ({ name, agentId, sessionId, runId }) => ({
    title: ["invoke_agent", name ?? agentId ?? []].flat().join(" "),
    kind: SPAN_KIND.internal,
    attributes: defined({
      "gen_ai.operation.name": "invoke_agent",
      "gen_ai.agent.id": agentId,
      "gen_ai.agent.name": name,
      ...correlation({ sessionId, runId }),
    }),
  }),
  tool: ({ name, callId, agentId, sessionId, runId }) => ({
    title: `execute_tool ${name}`,
    kind: SPAN_KIND.internal,
    attributes: defined({
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": name,
      "gen_ai.tool.call.id": callId,
      "gen_ai.agent.id": agentId,
      ...correlation({ sessionId, runId }),
    }),
  }),
  gate: ({ name, kind, mode, type }) => ({
    title: `run_guardrail ${name}`,
    kind: SPAN_KIND.internal,
    attributes: {
      "omniagent.gate.name": name,
      "omniagent.gate.kind": kind,
      "omniagent.gate.mode": mode,
      "omniagent.event.type": type,
    },
  }),
  send: (event) => ({
    title: `send ${event.type}`,
    kind: SPAN_KIND.producer,
    attributes: { ...messaging("send", event), "messaging.destination.name": event.type },
  }),
  process: ({ target, attempt, ...event }) => ({
    title: `process ${target}`,
    kind: SPAN_KIND.consumer,
    attributes: {
      ...messaging("process", event),
      "messaging.destination.name": target,
      ...(attempt > 1 && { "http.request.resend_count": attempt - 1 }),
    },
  }),
  receive: (event) => ({
    title: `process ${event.type}`,
    kind: SPAN_KIND.consumer,
    attributes: messaging("process", event),
  }),
};

function messaging(operation: "send" | "process", event: Spans["send"]): OtelAttributes {
  return defined({
    "messaging.system": SYSTEM,
    "messaging.operation.name": operation,
    "messaging.operation.type": operation,
    "messaging.message.id": event.id,
    "messaging.message.conversation_id": event.sessionId,
    "omniagent.event.type": event.type,
    ...correlation(event),
  });
}

function correlation(
  { sessionId, runId }: {
    readonly sessionId?: string | undefined;
    readonly runId?: string | undefined;
  },
) {
  return {
    "session.id": sessionId,
    "gen_ai.conversation.id": sessionId,
    "omniagent.run.id": runId,
  };
}

/** Returns the attributes of how a span ended. */
export function endOf(
  name: keyof Spans,
  { error, decision, status, usage }: SpanOutcome,
): OtelAttributes {
  return defined({
    "error.type": error,
    "gen_ai.usage.input_tokens": usage?.input_tokens,
    "gen_ai.usage.output_tokens": usage?.output_tokens,
    [name === "gate" ? "omniagent.gate.verdict" : "omniagent.decision"]: decision,
    "http.response.status_code": status,
  });
}

/** The attributes of content, by its name. */
export const CONTENT: Readonly<Record<string, string>> = {
  params: "gen_ai.tool.call.arguments",
  result: "gen_ai.tool.call.result",
};

/** Returns the attributes that have a value. */
function defined(
  attributes: Readonly<Record<string, string | number | boolean | undefined>>,
): OtelAttributes {
  const found = Object.entries(attributes).filter(([, value]) => value !== undefined);
  return Object.fromEntries(found) as OtelAttributes;
}
