import { createEventId } from "../../internal/uuid.ts";
import { HooksClosedError } from "../errors.ts";
import { correlationOf } from "../event_rules.ts";
import type { HookEvent, ToolData } from "../events.ts";
import { createEvent } from "../snapshot.ts";
import { NO_SPAN, type TelemetrySpan } from "../telemetry.ts";
import { isByPerson } from "./by_person.ts";
import { type DeniedCall, type FinalDecision, unrecorded } from "./decision.ts";
import { type CallHost, contentOf, Execution, finallyDecided, type ToolCall } from "./execution.ts";
import { callIdOf } from "./gate_events.ts";
import { RecordTime } from "./record_time.ts";
import { abortedDecision, untilDecided } from "./until_aborted.ts";

/** How often calls of one id share a person's decision, which only one of them can use: more would be quadratic. */
const MAX_SHARED = 3;

/**
 * Decides about a tool call, runs the tool with the parameters that were judged, and emits `tool.called`,
 * then `tool.completed`, or `tool.denied` in place of both. All of it is one span.
 *
 * @throws what the tool threw, after `tool.completed` was emitted with its error
 */
export async function callTool<Params extends object, Result>(
  host: CallHost,
  call: ToolCall<Params, Result>,
): Promise<Result | DeniedCall> {
  const { name, call_id: callId, agent_id: agentId } = call.event.data as ToolData;
  const attributes = { name, callId: callId!, agentId, ...correlationOf(call.options) };
  return await host.telemetry.span("tool", attributes, async (span) => {
    try {
      return await decideAndRun(host, call, span);
    } catch (error) {
      span.set({ error: error instanceof Error ? error.name : typeof error });
      throw error;
    }
  });
}

async function decideAndRun<Params extends object, Result>(
  host: CallHost,
  call: ToolCall<Params, Result>,
  span: TelemetrySpan,
): Promise<Result | DeniedCall> {
  const { event } = call;
  const decision = host.guards("tool.called")
    ? await decidedInTime(host, call)
    : await announce(host, event);
  const execution = new Execution(host, call, span, decision);
  if (decision.decision !== "allow") return execution.refuse(decision);
  if (host.abandoned.aborted) throw closedError(event); // nothing could record what the tool does
  span.set({ decision: "allow", content: contentOf(host, "tool.called", decision.data) });
  return await execution.run();
}

function closedError({ data }: HookEvent): HooksClosedError {
  return new HooksClosedError(`Cannot call '${(data as ToolData).name}'`);
}

/**
 * Lets gates judge a call. Once its time is up, its signal aborts, or `close` gives up, the call is denied, even if the
 * store doesn't respond.
 */
function decidedInTime<Params extends object, Result>(
  host: CallHost,
  call: ToolCall<Params, Result>,
): Promise<FinalDecision> {
  const { event, options: { signal } } = call;
  const time = host.records && new RecordTime(host);
  const current: Current = { id: "", time };
  const deciding = decided(host, call, current);
  if (time) deciding.finally(() => time.stop()).catch(() => {}); // it may be waited for no longer
  return untilDecided(host, deciding, {
    event,
    signal,
    time,
    idOf: () => current.id,
    late: async (decision, why) => {
      if (decision.decision !== "allow" || host.abandoned.aborted) return;
      await new Execution(host, call, NO_SPAN, decision).abort(why ?? signal?.reason);
    },
  });
}

/** The decision that is being made: its id, and its time if it is recorded. */
type Current = { id: string; readonly time: RecordTime | undefined };

/**
 * Lets gates judge a call. Waits until a person has responded, if one was asked. The approval is used up
 * here, before the tool runs: a call that shared it, or repeats the call, is judged again. So is one that repeats a
 * call that was aborted after it was allowed, as that call has ended.
 */
async function decided<Params extends object, Result>(
  host: CallHost,
  { event, options: { signal, callId } }: ToolCall<Params, Result>,
  current: Current,
): Promise<FinalDecision> {
  const { time } = current;
  let next = event;
  // A call for which the caller passed no id is never repeated.
  let isUnique = callId === undefined;
  for (let tries = 1;; tries++) {
    current.id = createEventId();
    const traits = { isUnique, isCall: true, decisionId: current.id, time };
    const decision = await finallyDecided(host, next, signal, traits);
    // After a restart, the same call may use the approval.
    if (decision.decision !== "allow" || host.abandoned.aborted) return decision;
    try {
      if (await host.use(decision)) return decision;
      if (signal?.aborted) return abortedDecision({ id: decision.id, event });
      if (time?.signal.aborted) return unrecorded({ id: decision.id, event }, time.signal.reason);
      // Another call used it. A person who is asked again decides about all calls that are left.
      isUnique = callId === undefined || tries >= MAX_SHARED || !isByPerson(decision);
      next = createEvent(event.type, event.data, event);
    } catch (cause) {
      host.observer.report("Cannot mark a decision as used", cause);
      const reason = "The decision could not be marked as used (store)";
      // The same call, if it is repeated, begins under this decision. One that can't be repeated has ended.
      if (callIdOf(next, { isUnique }) === undefined) {
        const { params: _, ...ended } = decision.data as ToolData;
        const data = { ...ended, decision_id: decision.id, error: reason };
        await host.observer.emit("tool.completed", data, {
          ...correlationOf(event),
          isAdmitted: true,
        });
      }
      return { ...decision, decision: "deny", reason, failure: "store" };
    }
  }
}

/** Emits `tool.called` for a call that no gate judges. Only an invalid event stops the call. */
async function announce(host: CallHost, event: HookEvent): Promise<FinalDecision> {
  await host.observer.accept([event], true);
  return { id: event.id, decision: "allow", data: event.data, gates: [] };
}
