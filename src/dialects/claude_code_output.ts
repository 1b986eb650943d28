import { canonicalJson } from "../internal/json_text.ts";
import {
  decidedEvent,
  type EncodeOptions,
  type Fields,
  type HookCall,
  type HookOutcome,
  isApproved,
  isFields,
  present,
} from "./dialect.ts";
import { resultInShape, withheldResult } from "./result_shape.ts";

/** What an output is made of. */
type Judged = Pick<HookOutcome, "decision" | "reason" | "context" | "interrupt"> & {
  /** What takes the place of the input or the result, if a gate changed it. */
  readonly changed: unknown;
  /** Whether Claude Code need not ask its user any more. */
  readonly isApproved: boolean;
};

/** The hook that an output is for: more of it may be unreadable. */
type Call = Pick<HookCall, "hook" | "input">;

/** Writes a decision as the output of a hook. */
export function encodeOutput(
  call: HookCall,
  outcome: HookOutcome,
  options: EncodeOptions = {},
): Fields {
  if (!canDeny(call.hook)) return {};
  return OUTPUTS[call.hook]!(judge(call, outcome, isApproved(outcome, options)), call);
}

/** Writes a deny as the output of a hook, whatever else it says. */
export function encodeDeny(call: Call, reason: string): Fields {
  const judged: Judged = { decision: "deny", reason, changed: undefined, isApproved: false };
  return OUTPUTS[call.hook]!(judged, call);
}

/** Whether a hook can be denied. */
export function canDeny(hook: string): boolean {
  return Object.hasOwn(OUTPUTS, hook);
}

/** The field that a hook can replace, in our terms. */
const REPLACED: Readonly<Record<string, string>> = {
  PreToolUse: "params",
  PermissionRequest: "params",
  PostToolUse: "result",
};

/** What a gate may have changed, and Claude Code would not apply. */
const FIXED: Readonly<Record<string, readonly string[]>> = {
  UserPromptSubmit: ["content"],
  UserPromptExpansion: ["prompt"],
  PreSkillShellCommand: ["params"],
  PostToolUseFailure: ["error"],
  PreModelSwitch: ["to_model"],
  Elicitation: ["message", "url", "requested_schema"],
  ElicitationResult: ["action", "content"],
};

/** Denies what a gate changed and Claude Code can't change: what runs would be what nobody judged. */
function judge(call: HookCall, outcome: HookOutcome, isApproved: boolean): Judged {
  const { decision, reason, context, interrupt, data } = outcome;
  const before = decidedEvent(call)?.data ?? {};
  const after = isFields(data) ? data : {};
  const differs = (name: string): boolean =>
    canonicalJson(before[name] ?? null) !== canonicalJson(after[name] ?? null);
  const field = REPLACED[call.hook];
  const changed = field !== undefined && differs(field) ? after[field] ?? "" : undefined;
  const judged = { decision, reason, context, interrupt, changed, isApproved };
  if (decision === "deny" || !(FIXED[call.hook] ?? []).some(differs)) return judged;
  return {
    ...judged,
    decision: "deny",
    reason: "A gate changed this, and Claude Code can't apply that",
  };
}

/** The output of each hook that can be decided. */
const OUTPUTS: Readonly<Record<string, (judged: Judged, call: Call) => Fields>> = {
  PreToolUse: (judged) => {
    const { decision, reason, context, changed, isApproved } = judged;
    // Without a decision the permissions of Claude Code apply, which may ask the user.
    const isSilent = decision === "allow" && !isApproved;
    return {
      ...stopped(judged),
      ...specific("PreToolUse", {
        permissionDecision: isSilent ? undefined : decision,
        permissionDecisionReason: isSilent ? undefined : decision === "deny" ? why(judged) : reason,
        updatedInput: decision === "deny" ? undefined : changed,
        additionalContext: context,
      }),
    };
  },
  PermissionRequest: (judged) => {
    const { decision, changed, isApproved, interrupt } = judged;
    const deny = (message: string): Fields =>
      specific("PermissionRequest", {
        decision: present({ behavior: "deny", message, interrupt: interrupt || undefined }),
      });
    if (decision === "deny") return deny(why(judged));
    if (decision === "allow" && isApproved) {
      const allow = present({ behavior: "allow", updatedInput: changed });
      return specific("PermissionRequest", { decision: allow });
    }
    // The dialog of Claude Code asks, about the input as it was.
    return changed === undefined ? {} : deny("A gate changed the input, and none approved it");
  },
  PreSkillShellCommand: (judged) =>
    judged.decision === "allow" ? {} : specific("PreSkillShellCommand", {
      permissionDecision: "deny",
      permissionDecisionReason: why(judged),
    }),
  PreModelSwitch: (judged) => {
    const { decision, isApproved, reason } = judged;
    if (decision === "allow" && !isApproved) return {};
    const permissionDecisionReason = decision === "deny" ? why(judged) : reason;
    return specific("PreModelSwitch", { permissionDecision: decision, permissionDecisionReason });
  },
  PostToolUse: (judged, { input: { tool_response } }) => {
    const { decision, changed, context } = judged;
    if (decision === "allow") {
      const updatedToolOutput = changed === undefined
        ? undefined
        : resultInShape(tool_response, String(changed));
      return specific("PostToolUse", { updatedToolOutput, additionalContext: context });
    }
    // `block` alone only adds the reason: the model would still see the result.
    const reason = why(judged);
    const updatedToolOutput = withheldResult(tool_response, reason);
    return {
      ...stopped(judged),
      decision: "block",
      reason,
      ...specific("PostToolUse", { updatedToolOutput, additionalContext: context }),
    };
  },
  PostToolUseFailure: (judged) => {
    const { decision, context } = judged;
    const texts = [decision === "allow" ? undefined : why(judged), context];
    const additionalContext = texts.filter((text) => text !== undefined).join("\n") || undefined;
    return { ...stopped(judged), ...specific("PostToolUseFailure", { additionalContext }) };
  },
  UserPromptSubmit: block,
  UserPromptExpansion: block,
  Stop: block,
  SubagentStop: block,
  // An ask leaves it to the user, who is asked anyway.
  Elicitation: ({ decision }) =>
    decision === "deny" ? specific("Elicitation", { action: "decline" }) : {},
  ElicitationResult: ({ decision }) =>
    decision === "allow" ? {} : specific("ElicitationResult", { action: "decline" }),
};

function block(judged: Judged, { hook }: Call): Fields {
  return {
    ...(judged.decision !== "allow" &&
      { ...stopped(judged), decision: "block", reason: why(judged) }),
    ...specific(hook, { additionalContext: judged.context }),
  };
}

/** Why something is denied. An ask that nobody can be asked is a deny, too. */
function why({ decision, reason }: Judged): string {
  return decision === "ask" ? `Approval is required: ${reason}` : reason ?? "Denied by a gate";
}

function stopped(judged: Judged): Fields {
  return judged.decision === "deny" && judged.interrupt
    ? { continue: false, stopReason: why(judged) }
    : {};
}

function specific(hookEventName: string, fields: Fields): Fields {
  const known = present(fields);
  return Object.keys(known).length === 0 ? {} : { hookSpecificOutput: { hookEventName, ...known } };
}
