import { claudeCodeRules } from "./claude_code_input.ts";
import { claudeCodeOutputs } from "./claude_code_output.ts";
import { defineDialect } from "./define_dialect.ts";
import type { Dialect } from "./dialect.ts";

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
  rules: claudeCodeRules,
  outputs: claudeCodeOutputs,
  asks: ["PreToolUse", "PermissionRequest", "PreModelSwitch", "Elicitation"],
  exits: ["PreToolUse", "UserPromptSubmit"],
  replaced: { PreToolUse: "params", PermissionRequest: "params", PostToolUse: "result" },
  // With a wrong event name, `hookSpecificOutput` would make the output invalid. The other fields block an
  // event that is about to happen, and end the turn if it has happened.
  unreadable: (reason) => ({ continue: false, stopReason: reason, decision: "block", reason }),
  unrecorded: (reason) => ({ systemMessage: reason }),
});
