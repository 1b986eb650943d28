import { canDeny, encodeDeny, encodeOutput } from "./claude_code_output.ts";
import { decided, decodeHook, type HookRule } from "./decode.ts";
import { decidedEvent, type Dialect, type Fields, isFields, textOf } from "./dialect.ts";

/**
 * Hooks of Claude Code, over HTTP or as a command.
 *
 * Events and fields are those of `HOOK_EVENTS`, `HookInput` and `SyncHookJSONOutput` in
 * `@anthropic-ai/claude-agent-sdk` 0.3.332 (`sdk.d.ts`). What they do: code.claude.com/docs/en/hooks, as
 * of September 2026. `updatedInput` without `permissionDecision` needs 2.1.215, and `onFailure: "block"`
 * 2.1.295.
 */
export const claudeCode: Dialect = {
  name: "claude-code",
  title: "Claude Code",
  example: {
    input: {
      session_id: "0e5a6c1e-7f1b-4c8e-9d8f-2b1f3c4d5e6f",
      transcript_path: "/home/ada/.claude/projects/shop/0e5a6c1e.jsonl",
      cwd: "/home/ada/shop",
      hook_event_name: "PreToolUse",
      tool_name: "Bash",
      tool_input: { command: "rm -rf build" },
      tool_use_id: "toolu_01Ab",
    },
    output: {
      hookSpecificOutput: {
        hookEventName: "PreToolUse",
        permissionDecision: "deny",
        permissionDecisionReason: "Builds are kept",
      },
    },
  },
  decode,
  encode: encodeOutput,
  fail,
};

function decode(input: unknown): ReturnType<Dialect["decode"]> {
  return decodeHook("claude-code", RULES, input);
}

const TOOL = { tool_name: "text", tool_input: "object" } as const;

const RULES: Readonly<Record<string, HookRule>> = {
  PreToolUse: { required: TOOL, events: (_, report) => [decided(report.tool("tool.called"))] },
  // A command in the text of a skill runs like one of the tool Bash, but no PostToolUse follows.
  PreSkillShellCommand: {
    required: TOOL,
    events: (_, report) => [decided(report.tool("tool.called"))],
  },
  PermissionRequest: {
    required: TOOL,
    // Not tool.called: PreToolUse has reported the call, and its id is not repeated here.
    events: (_, report) => [decided(report.tool("claude_code.permission_request"))],
  },
  PostToolUse: {
    required: TOOL,
    events: (_, report) => [decided(report.result("tool_response"))],
  },
  PostToolUseFailure: {
    required: TOOL,
    events: (input, report) => {
      const { duration_ms } = input;
      const error = { error: textOf(input, "error") ?? "failed", duration_ms };
      return [decided(report.tool("tool.completed", error, ["error", "duration_ms"]))];
    },
  },
  PermissionDenied: {
    required: TOOL,
    events: (input, report) => {
      const reason = textOf(input, "reason") ?? "denied by Claude Code";
      // The decision is Claude Code's own: it has no id but that of the call.
      const decision_id = textOf(input, "tool_use_id") ?? "unknown";
      const more = { reason, gate: "claude-code", decision_id };
      return [report.tool("tool.denied", more, ["reason"])];
    },
  },
  UserPromptSubmit: {
    required: { prompt: "text" },
    events: (input, report) => [
      decided(
        report.event("message.received", { role: "user", content: input.prompt }, ["prompt"]),
      ),
      report.event("agent.start", { run_id: runOf(input) }, ["prompt"]),
    ],
  },
  UserPromptExpansion: { events: (_, report) => [decided(report.own())] },
  PreModelSwitch: { events: (_, report) => [decided(report.own())] },
  Elicitation: { events: (_, report) => [decided(report.own())] },
  ElicitationResult: { events: (_, report) => [decided(report.own())] },
  SubagentStart: {
    events: (input, report) => [
      report.event("agent.start", {
        run_id: runOf(input),
        agent_id: textOf(input, "agent_id"),
        name: textOf(input, "agent_type"),
      }, ["agent_type"]),
    ],
  },
  Stop: {
    events: (input, report) => [
      ...lastMessage(input, (data) => report.event("message.sent", data, STOP)),
      end(input, report.event("agent.end", ended(input, { success: true }), STOP)),
    ],
  },
  SubagentStop: {
    events: (
      input,
      report,
    ) => [end(input, report.event("agent.end", ended(input, { success: true }), STOP))],
  },
  StopFailure: {
    events: (input, report) => {
      const failure = { success: false, error: textOf(input, "error") ?? "unknown" };
      return [report.event("agent.end", ended(input, failure), [...STOP, "error"])];
    },
  },
  SessionStart: {
    events: (input, report) => {
      const isNew = input.source !== "resume" && input.source !== "compact";
      if (!isNew || textOf(input, "session_id") === undefined) return [report.own()];
      return [
        report.event("session.created", { session_id: input.session_id, action: "created" }, []),
      ];
    },
  },
};

const STOP = ["last_assistant_message"];

function runOf(input: Fields): string | undefined {
  return textOf(input, "prompt_id") ?? textOf(input, "session_id");
}

function lastMessage<Value>(input: Fields, make: (data: Fields) => Value): readonly Value[] {
  const content = textOf(input, "last_assistant_message");
  return content === undefined ? [] : [make({ role: "assistant", content })];
}

/** The payload of `agent.end`, without the duration: only who has seen the start knows it. */
function ended(input: Fields, outcome: Fields): Fields {
  return {
    session_id: textOf(input, "session_id"),
    run_id: runOf(input),
    agent_id: textOf(input, "agent_id"),
    ...outcome,
    aborted: false,
    response: textOf(input, "last_assistant_message"),
  };
}

/** To deny an end makes Claude Code go on. It is decided once, so that this ends. */
function end(input: Fields, event: ReturnType<typeof decided>): ReturnType<typeof decided> {
  return input.stop_hook_active === true ? event : decided(event);
}

function fail(input: unknown, reason: string): Fields {
  const call = decode(input);
  if ("invalid" in call) {
    const hook = isFields(input) ? textOf(input, "hook_event_name") : undefined;
    if (hook !== undefined && canDeny(hook)) {
      return encodeDeny({ hook, input: input as Fields }, reason);
    }
    // With a wrong event name, `hookSpecificOutput` would make the output invalid. What remains blocks what is
    // about to happen, and ends the turn if it has happened.
    return { continue: false, stopReason: reason, decision: "block", reason };
  }
  const event = decidedEvent(call);
  // A server that is down must not keep an agent from ending.
  if (event === undefined || event.type === "agent.end") return { systemMessage: reason };
  return encodeDeny(call, reason);
}
