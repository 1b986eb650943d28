import { isObject } from "../internal/validate.ts";
import { sameAsClaudeCode } from "./claude_code.ts";
import { decided, TOOL } from "./decode.ts";
import { defineDialect, type DialectDefinition, whyDenied } from "./define_dialect.ts";
import { type Dialect, present } from "./dialect.ts";

const rules: DialectDefinition["rules"] = {
  ...sameAsClaudeCode(
    "PreToolUse",
    "PermissionRequest",
    "PostToolUseFailure",
    "SessionStart",
    "Stop",
    "SubagentStop",
  ),
  PostToolUse: {
    required: TOOL,
    events: ({ tool_result }, report) => {
      const text = isObject(tool_result) ? tool_result.text_result_for_llm : tool_result;
      return [decided(report.result("tool_result", text))];
    },
  },
  // No `SubagentStart`: without an agent id, it would look like the start of the main agent. Copilot ignores
  // the output of hooks in a configuration file here: a prompt can't be denied.
  UserPromptSubmit: { required: { prompt: "text" }, events: (_, report) => report.prompt() },
};

/** An end that goes on. */
const end: DialectDefinition["outputs"][string] = (judged) =>
  judged.decision === "allow" ? {} : { decision: "block", reason: whyDenied(judged) };

const outputs: DialectDefinition["outputs"] = {
  PreToolUse: (judged) => {
    const { decision, reason, changed, isApproved } = judged;
    const isSilent = decision === "allow" && !isApproved;
    return present({
      permissionDecision: isSilent ? undefined : decision,
      permissionDecisionReason: isSilent
        ? undefined
        : decision === "deny"
        ? whyDenied(judged)
        : reason,
      modifiedArgs: decision === "deny" ? undefined : changed,
    });
  },
  PermissionRequest: (judged) => {
    const { decision, changed, isApproved, interrupt } = judged;
    if (decision === "deny") {
      return present({
        behavior: "deny",
        message: whyDenied(judged),
        interrupt: interrupt || undefined,
      });
    }
    if (changed !== undefined) {
      return { behavior: "deny", message: "A gate changed the input, which Copilot can't apply" };
    }
    return isApproved ? { behavior: "allow" } : {};
  },
  PostToolUse: (judged) => {
    const { decision, changed, context } = judged;
    const text = decision === "allow" ? changed : whyDenied(judged);
    return present({
      modifiedResult: text === undefined
        ? undefined
        : { resultType: "success", textResultForLlm: text },
      additionalContext: context,
    });
  },
  PostToolUseFailure: (judged) => {
    const texts = [judged.decision === "allow" ? undefined : whyDenied(judged), judged.context];
    const text = texts.filter((text) => text !== undefined).join("\n");
    return text === "" ? {} : { additionalContext: text };
  },
  Stop: end,
  SubagentStop: end,
};

/**
 * Hooks of GitHub Copilot CLI and of its cloud agent, over HTTP or as a command, whose events are configured
 * in PascalCase: only these say which event they are.
 *
 * Source: `content/copilot/reference/hooks-reference.md` in github.com/github/docs, commit 05da5bc.
 */
export const copilot: Dialect = /* @__PURE__ */ defineDialect({
  name: "copilot",
  title: "Copilot",
  example: {
    input: {
      hook_event_name: "PreToolUse",
      session_id: "b2f7d6c4-2a53-4a0e-8f4e-0d2a6f1c9e10",
      timestamp: "2026-04-22T10:30:00.000Z",
      cwd: "/home/ada/shop",
      tool_name: "Bash",
      tool_input: { command: "rm -rf build" },
    },
    output: { permissionDecision: "deny", permissionDecisionReason: "Builds are kept" },
  },
  rules,
  outputs,
  asks: ["PreToolUse", "PermissionRequest"],
  exits: ["PreToolUse", "PermissionRequest"],
  replaced: { PreToolUse: "params", PermissionRequest: "params", PostToolUse: "result" },
  // Each event reads some of these fields, and ignores the others.
  unreadable: (reason) => ({
    permissionDecision: "deny",
    permissionDecisionReason: reason,
    behavior: "deny",
    message: reason,
    modifiedResult: { resultType: "success", textResultForLlm: reason },
  }),
  unrecorded: () => ({}),
  // A call without arguments has none, and a notification names its session in camel case.
  prepare: ({ sessionId, ...input }) => ({
    ...sessionId !== undefined && { session_id: sessionId },
    ...input,
    ...("tool_name" in input && !input.tool_input && { tool_input: {} }),
  }),
});
