import { sameAsClaudeCode } from "./claude_code.ts";
import {
  blockOutput,
  defineDialect,
  type DialectDefinition,
  type Judged,
  specificOutput,
  whyDenied,
} from "./define_dialect.ts";
import type { Dialect, Fields } from "./dialect.ts";

const rules: DialectDefinition["rules"] = sameAsClaudeCode(
  "PreToolUse",
  "PermissionRequest",
  "PostToolUse",
  "UserPromptSubmit",
  "SessionStart",
  "SubagentStart",
  "SubagentStop",
  "Stop",
  "StopFailure",
);

/** Blocks where Codex can. `continue: false` is invalid in most outputs, so an interrupt only denies. */
function block(judged: Judged, hook: string): Fields {
  return blockOutput({ ...judged, interrupt: false }, hook);
}

const outputs: DialectDefinition["outputs"] = {
  PreToolUse: (judged) => {
    const { decision, changed, context } = judged;
    // Codex can't ask here, and takes an allow only together with new input.
    if (decision !== "allow") {
      return specificOutput("PreToolUse", {
        permissionDecision: "deny",
        permissionDecisionReason: whyDenied(judged),
      });
    }
    return specificOutput("PreToolUse", {
      permissionDecision: changed === undefined ? undefined : "allow",
      updatedInput: changed,
      additionalContext: context,
    });
  },
  PermissionRequest: (judged) => {
    const { decision, changed, isApproved } = judged;
    const deny = (message: string): Fields =>
      specificOutput("PermissionRequest", { decision: { behavior: "deny", message } });
    if (decision === "deny") return deny(whyDenied(judged));
    if (changed !== undefined) return deny("A gate changed the input, which Codex can't apply");
    return isApproved
      ? specificOutput("PermissionRequest", { decision: { behavior: "allow" } })
      : {};
  },
  // The reason of a block replaces the result.
  PostToolUse: (judged) => {
    const { decision, changed, context } = judged;
    if (decision !== "allow" || changed === undefined) return block(judged, "PostToolUse");
    const reason = String(changed).trim() || "The result was removed by a gate";
    return {
      decision: "block",
      reason,
      ...specificOutput("PostToolUse", { additionalContext: context }),
    };
  },
  UserPromptSubmit: (judged) => block(judged, "UserPromptSubmit"),
  Stop: (judged) => block({ ...judged, context: undefined }, "Stop"),
  SubagentStop: (judged) => block({ ...judged, context: undefined }, "SubagentStop"),
};

/**
 * Hooks of Codex, which are commands. Codex treats an output with an unknown field or value as a failure, and
 * continues.
 *
 * Source: `codex-rs/hooks/src/schema.rs`, `engine/output_parser.rs` and `events/` in github.com/openai/codex,
 * commits 0082977, 0ea8381 and 04294e0.
 */
export const codex: Dialect = /* @__PURE__ */ defineDialect({
  name: "codex",
  title: "Codex",
  example: {
    input: {
      session_id: "0199a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b",
      turn_id: "3",
      transcript_path: null,
      cwd: "/home/ada/shop",
      hook_event_name: "PreToolUse",
      model: "gpt-5.4",
      permission_mode: "default",
      tool_name: "Bash",
      tool_input: { command: "rm -rf build" },
      tool_use_id: "call_1",
    },
    output: {
      hookSpecificOutput: {
        hookEventName: "PreToolUse",
        permissionDecision: "deny",
        permissionDecisionReason: "Builds are kept",
      },
    },
  },
  rules,
  outputs,
  asks: ["PermissionRequest"],
  exits: ["PreToolUse", "PermissionRequest", "PostToolUse"],
  replaced: { PreToolUse: "params", PermissionRequest: "params", PostToolUse: "result" },
  unreadable: (reason) => ({ decision: "block", reason }),
  unrecorded: (reason) => ({ systemMessage: reason }),
});
