import { correlationOf } from "../event_rules.ts";
import type { HookEvent, ToolData } from "../events.ts";
import { createEvent } from "../snapshot.ts";
import type { TelemetrySpan } from "../telemetry.ts";
import type { CallOptions, DeniedCall, FinalDecision } from "./decision.ts";
import {
  type CallHost,
  contentOf,
  Execution,
  finalOf,
  type ToolCall,
  traitsOf,
} from "./execution.ts";

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
  const { event, options } = call;
  const decision = host.guards("tool.called")
    ? await decided(host, event, options)
    : await announce(host, event);
  const execution = new Execution(host, call, span, decision);
  if (decision.decision !== "allow") return execution.refuse(decision);
  span.set({ decision: "allow", content: contentOf(host, "tool.called", decision.data) });
  return await execution.run();
}

/**
 * Lets gates judge a call. Waits until a person has responded, if one was asked. The approval is used up
 * here, before the tool runs: a call that shared it, or repeats the call, is judged again.
 */
async function decided(
  host: CallHost,
  event: HookEvent,
  options: CallOptions,
): Promise<FinalDecision> {
  const { signal } = options;
  // The next time, the decision is this call's alone.
  let [next, traits] = [event, traitsOf(options)];
  for (;;) {
    const decision = await finalOf(await host.decide(next, signal, traits), signal);
    if (decision.decision !== "allow" || signal?.aborted) return decision;
    try {
      if (await host.begin(decision)) return decision;
      [next, traits] = [createEvent(event.type, event.data, event), { isUnique: true }];
    } catch (cause) {
      host.observer.report("Cannot mark a decision as used", cause);
      const reason = "The decision could not be marked as used (store)";
      const { params: _, ...call } = event.data as ToolData;
      const data = { ...call, error: reason, decision_id: decision.id };
      await host.observer.emit("tool.completed", data, {
        ...correlationOf(event),
        isAdmitted: true,
      });
      return { ...decision, decision: "deny", reason };
    }
  }
}

/** Emits `tool.called` for a call that no gate judges. Only an invalid event stops the call. */
async function announce(host: CallHost, event: HookEvent): Promise<FinalDecision> {
  await host.observer.accept([event], true);
  return { id: event.id, decision: "allow", data: event.data, gates: [] };
}
