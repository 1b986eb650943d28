import { decided, decidedEnd, decidedFirst, type HookRule, TOOL } from "./decode.ts";
import { textOf } from "./dialect.ts";

/** How each hook of Claude Code is read: `HookInput` of its SDK. */
export const claudeCodeRules: Readonly<Record<string, HookRule>> = {
  PreToolUse: { required: TOOL, events: (_, report) => [decided(report.tool("tool.called"))] },
  // A command in the text of a skill runs like one of the tool Bash, but no PostToolUse follows.
  PreSkillShellCommand: {
    required: TOOL,
    events: (_, report) => [decided(report.tool("tool.called"))],
  },
  PermissionRequest: {
    required: TOOL,
    events: (_, report) => [decided(report.permission())],
  },
  PostToolUse: { required: TOOL, events: (_, report) => [decided(report.result("tool_response"))] },
  PostToolUseFailure: { required: TOOL, events: (_, report) => [decided(report.failure())] },
  PermissionDenied: {
    required: TOOL,
    events: (input, report) => {
      const reason = textOf(input, "reason") ?? "denied by Claude Code";
      // The decision is Claude Code's own, and has only the id of the call.
      const decision_id = textOf(input, "tool_use_id") ?? "unknown";
      const more = { reason, gate: "claude-code", decision_id };
      return [report.tool("tool.denied", more, ["reason"])];
    },
  },
  UserPromptSubmit: {
    required: { prompt: "text" },
    events: (_, report) => decidedFirst(report.prompt()),
  },
  UserPromptExpansion: { events: (_, report) => [decided(report.own())] },
  PreModelSwitch: { events: (_, report) => [decided(report.own())] },
  Elicitation: { events: (_, report) => [decided(report.own())] },
  ElicitationResult: { events: (_, report) => [decided(report.own())] },
  SessionStart: { events: (_, report) => [report.session()] },
  SubagentStart: { events: (_, report) => [report.subagent()] },
  SubagentStop: {
    events: (input, report) => decidedEnd(input, report.end("last_assistant_message")),
  },
  Stop: { events: (input, report) => decidedEnd(input, report.end("last_assistant_message")) },
  StopFailure: {
    events: (input, report) =>
      report.end("last_assistant_message", {
        success: false,
        error: textOf(input, "error") ?? "unknown",
        aborted: false,
      }),
  },
};

/** Returns how to read some hooks of an agent that adopted them from Claude Code. */
export function sameAsClaudeCode(...hooks: readonly string[]): Readonly<Record<string, HookRule>> {
  return Object.fromEntries(hooks.map((hook) => [hook, claudeCodeRules[hook]!]));
}
