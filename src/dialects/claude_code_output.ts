import {
  blockOutput,
  type DialectDefinition,
  specificOutput,
  stopOutput,
  whyDenied,
} from "./define_dialect.ts";
import { type Fields, present } from "./dialect.ts";
import { resultInShape, withheldResult } from "./result_shape.ts";

/** The output of each hook of Claude Code that can be denied: `SyncHookJSONOutput` of its SDK. */
export const claudeCodeOutputs: DialectDefinition["outputs"] = {
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
