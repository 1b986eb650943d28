import * as v from "valibot";
import type { StoredEvent } from "../outbox/mod.ts";
import { pageOf, pageQuery, respondPage, withCursor, withTimes } from "./pages.ts";
import { defineRoute, type Route } from "./router.ts";
import * as s from "./schemas.ts";

const outcome = s.oneOf("allowed", "denied", "asked", "error");
const gate = s.object({
  name: s.string,
  kind: s.oneOf("check", "rewrite"),
  mode: s.oneOf("enforce", "shadow"),
  verdict: s.oneOf("allow", "deny", "ask", "none", "rewritten", "failed"),
  reason: v.optional(s.string),
  duration_ms: v.number(),
  failure: v.optional(s.string),
  late: v.optional(s.boolean),
  would_block: v.optional(s.boolean),
});
const decision = s.object({
  id: s.string,
  event_id: s.eventId,
  at: s.time,
  event_type: s.string,
  outcome,
  name: v.optional(s.string),
  session_id: v.optional(s.session),
  run_id: v.optional(s.run),
  call_id: v.optional(s.string),
  agent_id: v.optional(s.string),
  reason: v.optional(s.string),
  ask_id: v.optional(s.string),
  gates: s.list(gate),
  digest_in: s.string,
  digest_out: s.string,
  took_ms: v.number(),
});

/** A decision of gates in JSON. */
export type DecisionJson = v.InferOutput<typeof decision>;

/**
 * Returns the JSON of a decision, without internal parts; undefined if someone else posted its event in
 * another form.
 */
export function toDecisionJson({ event }: StoredEvent): DecisionJson | undefined {
  const { decision_id, ...data } = event.data as Readonly<Record<string, unknown>>;
  const { sessionId, runId } = event;
  const known = Object.entries(data).filter(([, value]) => value !== null);
  const result = v.safeParse(decision, {
    ...Object.fromEntries(known),
    id: decision_id,
    event_id: event.id,
    at: event.timestamp.toISOString(),
    ...(sessionId && { session_id: sessionId }),
    ...(runId && { run_id: runId }),
  });
  return result.success ? result.output : undefined;
}

const DIGEST = "5d41402abc4b2a76b9719d911017c592aee2d5c3b1a0f4a7e8b4c6d2f1e09a83";

const example: DecisionJson = {
  id: s.EXAMPLE_ID,
  event_id: s.EXAMPLE_ID,
  at: s.EXAMPLE_TIME,
  event_type: "tool.called",
  outcome: "denied",
  name: "bash",
  session_id: "s-1",
  call_id: "call-7",
  reason: "Deleting files is not allowed",
  gates: [{
    name: "no-deletions",
    kind: "check",
    mode: "enforce",
    verdict: "deny",
    reason: "Deleting files is not allowed",
    duration_ms: 1,
  }],
  digest_in: DIGEST,
  digest_out: DIGEST,
  took_ms: 2,
};

/** The route of gate decisions. */
export const decisionRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/decisions",
    scope: "read",
    operationId: "listDecisions",
    summary: "List gate decisions, newest first",
    query: {
      outcome: s.describe(outcome, "What was decided", "denied"),
      gate: s.describe(s.targetName, "Only decisions that this gate took part in", "policy"),
      name: s.describe(s.externalId, "Only decisions about this tool", "bash"),
      session: s.describe(s.sessionFilter, "Only decisions of this session", "s-1"),
      run: s.describe(s.sessionFilter, "Only decisions of this run", "run-1"),
      call: s.describe(s.externalId, "Only decisions about this call", "call-7"),
      since: s.describe(s.time, "Only decisions made at this time or later", s.EXAMPLE_TIME),
      until: s.describe(s.time, "Only decisions made before this time", s.EXAMPLE_TIME),
      ...pageQuery,
    },
    needsOutbox: true,
    response: pageOf("decisions", decision, example),
    async handle(c, { query: { session, run, call, ...query }, outbox }) {
      const filter = { ...withTimes(query), sessionId: session, runId: run, callId: call };
      const page = await withCursor(query.cursor, () => outbox.listDecisions(filter));
      const decisions = page.items.flatMap((item) => toDecisionJson(item) ?? []);
      return respondPage(c, "decisions", page, decisions);
    },
  }),
];
