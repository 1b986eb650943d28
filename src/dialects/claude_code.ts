import { decided, decidedEnd, decidedFirst, type HookRule, TOOL } from "./decode.ts";
import {
  blockOutput,
  defineDialect,
  type DialectDefinition,
  specificOutput,
  stopOutput,
  whyDenied,
} from "./define_dialect.ts";
import { type Dialect, type Fields, present, textOf } from "./dialect.ts";
import { resultInShape, withheldResult } from "./result_shape.ts";

/** How each hook of Claude Code is read: `HookInput` of its SDK. */
const RULES: Readonly<Record<string, HookRule>> = {
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

/** The output of each hook of Claude Code that can be denied: `SyncHookJSONOutput` of its SDK. */
const OUTPUTS: DialectDefinition["outputs"] = {
  PreToolUse: (judged) => {
    const { decision, reason, context, changed, isApproved } = judged;
    // Without a decision the permissions of Claude Code apply, which may ask the user.
    const isSilent = decision === "allow" && !isApproved;
    const why = decision === "deny" ? whyDenied(judged) : reason;
    return {
      ...stopOutput(judged),
      ...specificOutput("PreToolUse", {
        permissionDecision: isSilent ? undefined : decision,
        permissionDecisionReason: isSilent ? undefined : why,
        updatedInput: decision === "deny" ? undefined : changed,
        additionalContext: context,
      }),
    };
  },
  PermissionRequest: (judged) => {
    const { decision, changed, isApproved, interrupt } = judged;
    const deny = (message: string): Fields =>
      specificOutput("PermissionRequest", {
        decision: present({ behavior: "deny", message, interrupt: interrupt || undefined }),
      });
    if (decision === "deny") return deny(whyDenied(judged));
    if (isApproved) {
      const allow = present({ behavior: "allow", updatedInput: changed });
      return specificOutput("PermissionRequest", { decision: allow });
    }
    // Claude Code's dialog asks about the original input.
    return changed === undefined ? {} : deny("A gate changed the input, and none approved it");
  },
  PreSkillShellCommand: (judged) =>
    judged.decision === "allow" ? {} : specificOutput("PreSkillShellCommand", {
      permissionDecision: "deny",
      permissionDecisionReason: whyDenied(judged),
    }),
  PreModelSwitch: (judged) => {
    const { decision, isApproved, reason } = judged;
    if (decision === "allow" && !isApproved) return {};
    return specificOutput("PreModelSwitch", {
      permissionDecision: decision,
      permissionDecisionReason: decision === "deny" ? whyDenied(judged) : reason,
    });
  },
  PostToolUse: (judged, { tool_name, tool_response }) => {
    const { decision, changed, context } = judged;
    if (decision === "allow") {
      const updatedToolOutput = changed === undefined
        ? undefined
        : resultInShape(tool_name, tool_response, String(changed));
      return specificOutput("PostToolUse", { updatedToolOutput, additionalContext: context });
    }
    // `block` alone only adds the reason: the model would still see the result.
    const reason = whyDenied(judged);
    const updatedToolOutput = withheldResult(tool_name, tool_response, reason);
    return {
      ...stopOutput(judged),
      decision: "block",
      reason,
      ...specificOutput("PostToolUse", { updatedToolOutput, additionalContext: context }),
    };
  },
  PostToolUseFailure: (judged) => {
    const texts = [judged.decision === "allow" ? undefined : whyDenied(judged), judged.context];
    const additionalContext = texts.filter((text) => text !== undefined).join("\n") || undefined;
    return {
      ...stopOutput(judged),
      ...specificOutput("PostToolUseFailure", { additionalContext }),
    };
  },
  UserPromptSubmit: (judged) => blockOutput(judged, "UserPromptSubmit"),
  UserPromptExpansion: (judged) => blockOutput(judged, "UserPromptExpansion"),
  Stop: (judged) => blockOutput(judged, "Stop"),
  SubagentStop: (judged) => blockOutput(judged, "SubagentStop"),
  // An ask leaves it to the user, who is asked anyway.
  Elicitation: ({ decision }) =>
    decision === "deny" ? specificOutput("Elicitation", { action: "decline" }) : {},
  ElicitationResult: ({ decision }) =>
    decision === "allow" ? {} : specificOutput("ElicitationResult", { action: "decline" }),
};

/**
 * Hooks of Claude Code, over HTTP or as a command.
 *
 * Events and fields are those of `HOOK_EVENTS`, `HookInput` and `SyncHookJSONOutput` in
 * `@anthropic-ai/claude-agent-sdk` 0.3.332 (`sdk.d.ts`). What they do: code.claude.com/docs/en/hooks, as
 * of September 2026. `updatedInput` without `permissionDecision` needs 2.1.215, and `onFailure: "block"`
 * 2.1.295.
 */
export const claudeCode: Dialect = /* @__PURE__ */ defineDialect({
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
  rules: RULES,
  outputs: OUTPUTS,
  asks: ["PreToolUse", "PermissionRequest", "PreModelSwitch", "Elicitation"],
  exits: ["PreToolUse", "UserPromptSubmit"],
  replaced: { PreToolUse: "params", PermissionRequest: "params", PostToolUse: "result" },
  // With a wrong event name, `hookSpecificOutput` would make the output invalid. The other fields block an
  // event that is about to happen, and end the turn if it has happened.
  unreadable: (reason) => ({ continue: false, stopReason: reason, decision: "block", reason }),
  unrecorded: (reason) => ({ systemMessage: reason }),
});

/** Returns how to read some hooks of an agent that adopted them from Claude Code. */
export function sameAsClaudeCode(...hooks: readonly string[]): Readonly<Record<string, HookRule>> {
  return Object.fromEntries(hooks.map((hook) => [hook, RULES[hook]!]));
}
