import { errorMessage } from "../../internal/issues.ts";
import { canonicalJson } from "../../internal/json_text.ts";
import type { DecideOptions, Decision, FinalDecision } from "../../core/mod.ts";
import type { AgentHooks } from "../options.ts";
import { denialText } from "../tool_call.ts";
import type { Sessions } from "./sessions.ts";

/** A function for `options.canUseTool`: called when Claude Code would ask the user. */
export type CanUseTool = (
  toolName: string,
  input: Record<string, unknown>,
  options: PermissionOptions,
) => Promise<PermissionResult>;

/** The third argument of `canUseTool`. */
export interface PermissionOptions {
  /** Aborts when nobody needs the response any longer. */
  readonly signal: AbortSignal;
  /** The id of the call. */
  readonly toolUseID: string;
  /** The subagent that calls. */
  readonly agentID?: string;
  /** The question, for people. */
  readonly title?: string;
  /** Why Claude Code asks. */
  readonly decisionReason?: string;
}

/** The response of `canUseTool`. */
export type PermissionResult =
  | { behavior: "allow"; updatedInput?: Record<string, unknown> }
  | { behavior: "deny"; message: string; interrupt?: boolean };

/** The dialect of Claude Code's HTTP hooks uses the same type for the same question. */
const TYPE = "claude_code.permission_request";

/** Returns a `canUseTool` that lets gates decide, and the people whom they ask. */
export function askPermission(hooks: AgentHooks, sessions: Sessions): CanUseTool {
  const ask: CanUseTool = async (name, input, { signal, toolUseID, agentID, ...more }) => {
    const data = {
      name,
      params: input,
      call_id: toolUseID,
      ...(agentID !== undefined && { agent_id: agentID }),
      ...(more.title !== undefined && { title: more.title }),
      ...(more.decisionReason !== undefined && { reason: more.decisionReason }),
    };
    const session = sessions.withCall(toolUseID);
    const { calls } = session ?? {};
    if (calls?.get(toolUseID)?.isApproved && calls.isJudged(toolUseID, name, input)) {
      return { behavior: "allow", updatedInput: input };
    }
    const run = session && { sessionId: session.sessionId, runId: session.run(agentID).id };
    // Not a type of `AgentEvents`: it is named after the agent that it belongs to.
    const decision = await decideOnce(hooks, data, { ...run, signal });
    if (decision.decision === "allow" && isExplicit(decision)) {
      return { behavior: "allow", updatedInput: { ...decision.data.params } };
    }
    const message = decision.reason ?? "Permission is required, and no gate granted it";
    return { behavior: "deny", message, ...(decision.interrupt && { interrupt: true }) };
  };
  return watchPermission(hooks, sessions, ask);
}

/** Decides about a permission. An approval is for one call: the same call is judged again after that. */
async function decideOnce<Data extends object>(
  hooks: AgentHooks,
  data: Data,
  options: DecideOptions,
): Promise<FinalDecision<Data>> {
  for (;;) {
    const decided = await hooks.decide(TYPE as never, data as never, options) as
      & Decision<Data>
      & object;
    const decision = decided.decision === "ask" ? await decided.wait(options) : decided;
    if (decision.decision !== "allow" || await hooks.registry.gates.use(decision)) return decision;
  }
}

/**
 * Returns a `canUseTool` that calls another one. A denied call has ended. If it or another hook changed the
 * input, the call is judged again.
 */
export function watchPermission(
  hooks: AgentHooks,
  sessions: Sessions,
  permit: CanUseTool,
): CanUseTool {
  return async (name, input, options) => {
    const given = canonicalJson(input); // `permit` may change it in place
    const { toolUseID: callId, agentID, signal } = options;
    const session = sessions.withCall(callId);
    let result: PermissionResult;
    try {
      result = await permit(name, input, options);
    } catch (error) {
      result = { behavior: "deny", message: `The permission check failed: ${errorMessage(error)}` };
    }
    const call = session?.calls.get(callId);
    if (result === null) return result; // another responder decides
    if (session === undefined || call === undefined) {
      const { updatedInput = input } = result as { readonly updatedInput?: object };
      // There is no call, or its run has ended: nothing remains that could be judged.
      const isKept = result.behavior === "deny" || canonicalJson(updatedInput) === given;
      if (isKept || !hooks.registry.gates.guards("tool.called")) return result;
      return { behavior: "deny", message: "The input was changed when gates couldn't judge it" };
    }
    if (result.behavior === "deny") {
      session.calls.take(callId);
      await call.fail(new Error(`Not permitted: ${result.message}`));
      return result;
    }
    const { updatedInput = input } = result;
    if (session.calls.isJudged(callId, name, updatedInput)) return result;
    // A call with other input, from the permission or another hook, is another call to decide about.
    session.calls.take(callId);
    await call.fail(new Error("Its input was changed"));
    const run = session.run(agentID);
    const opened = await run.begin({ name, params: updatedInput, callId, signal });
    if (opened.type === "denied") {
      return { behavior: "deny", message: denialText(opened.denial) };
    }
    session.calls.add(callId, { run, name, call: opened, changed: session.place });
    return { ...result, updatedInput: opened.params as Record<string, unknown> };
  };
}

/** Returns whether a gate, or a person whom it asked, explicitly allowed it. */
function isExplicit({ gates }: Pick<Decision, "gates">): boolean {
  return gates.some(({ verdict, mode }) =>
    mode === "enforce" && (verdict === "allow" || verdict === "ask")
  );
}
