import { errorMessage } from "../../internal/issues.ts";
import { canonicalJson } from "../../internal/json_text.ts";
import { claudeCode, decidedEvent, type HookCall, type HookOutcome } from "../../dialects/mod.ts";
import type { AgentHooks } from "../options.ts";
import type { AllowedCall, OpenedCall, ToolOutcome } from "../tool_call.ts";
import type { Session, Sessions } from "./sessions.ts";

/** A callback of `options.hooks`. */
export type HookCallback = (
  // deno-lint-ignore no-explicit-any -- a union of the SDK's, one type for each event
  input: any,
  toolUseId: string | undefined,
  options: { readonly signal: AbortSignal },
  // deno-lint-ignore no-explicit-any -- a union of the SDK's, too
) => Promise<any>;

/** Callbacks of one event. */
export interface HookMatcher {
  /** The callbacks. */
  readonly hooks: HookCallback[];
  /** The limit of a callback, in seconds. */
  readonly timeout?: number;
  /** Whether the event continues when a callback fails. @default {"continue"} */
  readonly onFailure?: "continue" | "block";
}

/** The callbacks of each event. */
export type HookMatchers = Record<string, HookMatcher[]>;

/** How long a callback may take, in seconds: a day. Gates and asks have shorter limits of their own. */
const TIMEOUT = 86_400;

type Input = Readonly<Record<string, unknown>> & {
  readonly session_id: string;
  readonly cwd: string;
  readonly transcript_path?: string;
  readonly tool_use_id?: string;
};

/** The handling of an event: a decision about its call, or none. */
type Rule = (context: {
  readonly call: HookCall;
  readonly input: Input;
  readonly session: Session;
  readonly sessions: Sessions;
  readonly hooks: AgentHooks;
  readonly signal: AbortSignal;
}) => Promise<HookOutcome | undefined>;

/** Returns the callbacks for `options.hooks`. */
export function hookCallbacks(hooks: AgentHooks, sessions: Sessions): HookMatchers {
  const matchers = Object.entries(RULES).map(([event, rule]): [string, HookMatcher[]] => {
    const callback: HookCallback = async (input: Input, _toolUseId, { signal }) => {
      const call = claudeCode.decode(input);
      if ("invalid" in call) return { ...claudeCode.fail(input, call.invalid) };
      try {
        await sessions.caughtUp();
        const session = sessions.get(input.session_id);
        session.place = { cwd: input.cwd, transcript: input.transcript_path };
        const outcome = await rule({ call, input, session, sessions, hooks, signal });
        return outcome === undefined ? {} : { ...claudeCode.encode(call, outcome) };
      } catch (error) {
        return { ...claudeCode.fail(input, `The hook failed: ${errorMessage(error)}`) };
      }
    };
    const onFailure = BLOCKING.includes(event) ? { onFailure: "block" as const } : {};
    return [event, [{ hooks: [callback], timeout: TIMEOUT, ...onFailure }]];
  });
  return Object.fromEntries(matchers);
}

/** Events that must not continue if they could not be judged. */
const BLOCKING: readonly string[] = [
  "PreToolUse",
  "PreSkillShellCommand",
  "PostToolUse",
  "UserPromptSubmit",
];

const RULES: Readonly<Record<string, Rule>> = {
  SessionStart: ({ input, session }) => {
    // Only the transcript knows the cost so far.
    if (["resume", "fork"].includes(input.source as string)) session.cost = undefined;
    return NOTHING;
  },
  UserPromptSubmit: async ({ call, input, session, signal }) => {
    const isUsers = ["user", "sdk", undefined].includes(input.source as string | undefined);
    const prompt = input.prompt as string;
    const run = session.run();
    const judged = await run.judgeReceived(prompt, isUsers ? "user" : "system", signal);
    if ("denied" in judged) {
      session.denied = judged.denied;
      return { ...NO_GATES, ...decided(call), decision: "deny", reason: judged.denied };
    }
    if (judged.content !== prompt) {
      session.denied = "A gate rewrote the prompt, and Claude Code can't apply that";
    }
    return { ...NO_GATES, ...decided(call, { content: judged.content }), decision: "allow" };
  },
  PreToolUse: async ({ call, input, session, sessions, signal }) => {
    // Called when the query was being closed: its runs have ended.
    const isOver = session.current === undefined && !session.isClaimed;
    if (sessions.isWrapped && isOver) throw new Error("The run has ended");
    const { name, params } = decidedEvent(call)!.data as { name: string; params: unknown };
    const callId = input.tool_use_id;
    const run = session.run(agentOf(input), input.agent_type as string | undefined);
    await session.models.complete(run); // it has called the tool
    const opened = await run.begin({ name, params, callId, signal });
    if (opened.type === "allowed" && callId !== undefined) {
      const isChanged = canonicalJson(opened.params) !== canonicalJson(params);
      const changed = isChanged ? session.place : undefined;
      session.calls.add(callId, { run, name, call: opened, changed });
    }
    return toolOutcome(call, opened);
  },
  // A command in the text of a skill. Nothing reports how it ends, so its call ends here.
  PreSkillShellCommand: async ({ call, input, session, signal }) => {
    const { name, params } = decidedEvent(call)!.data as { name: string; params: unknown };
    const run = session.run(agentOf(input), input.agent_type as string | undefined);
    const opened = await run.begin({ name, params, callId: input.tool_use_id, signal });
    if (opened.type === "allowed") {
      const isChanged = canonicalJson(opened.params) !== canonicalJson(params);
      if (isChanged) {
        await opened.fail(new Error("A gate changed this, and Claude Code can't apply that"));
      } else await opened.complete(undefined);
    }
    return toolOutcome(call, opened);
  },
  PostToolUse: async ({ call, input, session, hooks }) => {
    const { data } = decidedEvent(call)!;
    const strayed = checkInput(hooks, session, input);
    const opened = take(session, input);
    if (opened === undefined && session.calls.hasEnded(input.tool_use_id!)) {
      // Its end was emitted when its run ended. A result that gates can no longer judge is withheld.
      if (hooks.registry.gates.guards("tool.completed")) throw new Error("The run has ended");
      return undefined;
    }
    if (opened === undefined) { // called before this connection existed
      const { sessionId } = session;
      const decision = await hooks.decide("tool.completed", data as never, { sessionId });
      return decision.decision === "ask" ? await decision.wait() : decision;
    }
    if (strayed !== undefined) return resultOutcome(call, "result", await opened.fail(strayed));
    return resultOutcome(call, "result", await opened.complete(data.result));
  },
  PostToolUseFailure: async ({ call, input, session, hooks }) => {
    checkInput(hooks, session, input);
    const opened = take(session, input);
    if (opened === undefined) return undefined;
    return resultOutcome(call, "error", await opened.fail(new Error(input.error as string)));
  },
  PermissionDenied: async ({ input, session }) => {
    await take(session, input)?.fail(new Error(`Claude Code denied it: ${input.reason}`));
    return undefined;
  },
  SubagentStart: ({ input, session }) => {
    session.run(agentOf(input), input.agent_type as string | undefined);
    return NOTHING;
  },
  SubagentStop: async ({ input, session }) => {
    const response = input.last_assistant_message as string | undefined;
    await session.endSubagent(agentOf(input)!, { response });
    return undefined;
  },
  Stop: async ({ input, session, sessions }) => {
    const response = input.last_assistant_message as string | undefined;
    if (!sessions.isWrapped) await session.end({ response });
    return undefined;
  },
  StopFailure: async ({ input, session, sessions }) => {
    if (!sessions.isWrapped) await session.end({ error: new Error(String(input.error)) });
    return undefined;
  },
  SessionEnd: async ({ session, sessions }) => {
    if (!sessions.isWrapped) await session.close({ aborted: true });
    return undefined;
  },
};

const NOTHING = Promise.resolve(undefined);

/** An implicit allow: Claude Code may still ask the user. */
const NO_GATES = { gates: [] } as const;

/** An explicit allow: Claude Code doesn't ask again. */
const APPROVED: Pick<HookOutcome, "gates"> = {
  gates: [{ name: "omniagent", kind: "check", mode: "enforce", verdict: "allow", duration_ms: 0 }],
};

/** Returns the data of the decided event, with the gates' changes. */
function decided(call: HookCall, changed: object = {}): Pick<HookOutcome, "data"> {
  return { data: { ...decidedEvent(call)!.data, ...changed } };
}

function toolOutcome(call: HookCall, opened: OpenedCall): HookOutcome {
  if (opened.type === "denied") {
    const { reason, context, interrupt } = opened.denial;
    return { ...NO_GATES, ...decided(call), decision: "deny", reason, context, interrupt };
  }
  const { context } = opened;
  const judged = { ...decided(call, { params: opened.params }), context };
  return { ...(opened.isApproved ? APPROVED : NO_GATES), ...judged, decision: "allow" };
}

function resultOutcome(
  call: HookCall,
  field: "result" | "error",
  outcome: ToolOutcome,
): HookOutcome {
  if (outcome.type === "denied") {
    const { reason, context, interrupt } = outcome.denial;
    return { ...NO_GATES, ...decided(call), decision: "deny", reason, context, interrupt };
  }
  const text = outcome.type === "error" ? errorMessage(outcome.error) : outcome.value;
  const type = outcome.type === "error" ? "error" : "result";
  if (type !== field) {
    return { ...NO_GATES, ...decided(call), decision: "deny", reason: String(text) };
  }
  return { ...NO_GATES, ...decided(call, { [field]: text }), decision: "allow" };
}

/**
 * Reports a call that ran with other input than gates judged: other hooks run at the same time, and may change it.
 * Returns why its result is withheld; undefined if it isn't.
 */
function checkInput(
  { registry: { gates, observer } }: AgentHooks,
  { calls }: Session,
  { tool_use_id: id = "", tool_input, tool_name }: Input,
): Error | undefined {
  if (!gates.guards("tool.called") || !calls.hasStrayed(id, tool_input as object)) return undefined;
  const error = new Error("another hook changed its input after gates had judged it");
  observer.report(`The tool '${tool_name}' ran with input that no gate has judged`, error);
  return error;
}

function take({ calls }: Session, { tool_use_id: id }: Input): AllowedCall | undefined {
  return id === undefined ? undefined : calls.take(id);
}

function agentOf(input: Input): string | undefined {
  return typeof input.agent_id === "string" ? input.agent_id : undefined;
}
