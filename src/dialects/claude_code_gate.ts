/**
 * The other direction: our events as the input of a Claude Code hook, and its output as a verdict, so that
 * a server written for Claude Code works as a gate.
 * @module
 */
import { isObject } from "../internal/validate.ts";
import type { HookEvent, Verdict } from "../core/mod.ts";
import { type Fields, present, textOf } from "./dialect.ts";

/** The types of events that a Claude Code hook can judge, each with the event that it is sent as. */
export const CLAUDE_CODE_HOOKS: Readonly<Record<string, string>> = {
  "tool.called": "PreToolUse",
  "tool.completed": "PostToolUse",
  "message.received": "UserPromptSubmit",
};

/** The response of a Claude Code hook, in terms of a gate. */
type ClaudeCodeResponse = {
  /** Undefined for no opinion. */
  readonly verdict?: Verdict;
  /** New data of the event; undefined to leave it as it is. */
  readonly data?: Readonly<Record<string, unknown>>;
};

/**
 * Returns the input of a Claude Code hook for an event; undefined for a type that has none. A result with
 * an error is sent as `PostToolUseFailure`.
 */
export function encodeClaudeCodeInput({ type, data, sessionId }: HookEvent): Fields | undefined {
  if (!Object.hasOwn(CLAUDE_CODE_HOOKS, type) || !isObject(data)) return undefined;
  const { name, params, call_id, agent_id, result, error, duration_ms, content } = data;
  // The original input, if the event came from Claude Code.
  const client: Fields = isObject(data.client) && data.client.name === "claude-code"
    ? data.client
    : {};
  const { name: _, ...common } = client;
  const failed = type === "tool.completed" && error !== undefined;
  return present({
    transcript_path: "",
    cwd: "",
    ...common,
    session_id: sessionId ?? "",
    agent_id,
    hook_event_name: failed ? "PostToolUseFailure" : CLAUDE_CODE_HOOKS[type],
    ...(type === "message.received" ? { prompt: content } : {
      tool_name: name,
      tool_input: params ?? {},
      tool_use_id: call_id ?? "",
    }),
    ...(type === "tool.completed" &&
      { duration_ms, ...failed ? { error } : { tool_response: result ?? "" } }),
  });
}

/**
 * Reads the output of a Claude Code hook that an event was sent to, or says what is wrong with it. An output
 * that Claude Code would ignore is invalid here: a gate that fails must not pass for one without an opinion.
 */
export function decodeClaudeCodeOutput(
  event: HookEvent,
  output: unknown,
): ClaudeCodeResponse | { readonly invalid: string } {
  if (!isObject(output)) return { invalid: "returned no JSON object" };
  const denial = denialOf(output);
  if (denial !== undefined) return { verdict: denial }; // whatever else it says
  if (output.async !== undefined) return { invalid: "returned 'async': a gate must decide now" };
  const { decision, hookSpecificOutput: specific = {} } = output;
  if (!isObject(specific)) {
    return { invalid: "returned 'hookSpecificOutput' that is not an object" };
  }
  const hook = encodeClaudeCodeInput(event)?.hook_event_name;
  if (Object.keys(specific).length > 0 && specific.hookEventName !== hook) {
    return { invalid: `returned 'hookSpecificOutput' that is not one of ${hook}` };
  }
  const { permissionDecision: permission } = specific;
  if (decision !== undefined && decision !== "approve") {
    return { invalid: 'returned a \'decision\' that is neither "approve" nor "block"' };
  }
  if (
    permission !== undefined && !["allow", "ask", "defer"].includes(permission as string)
  ) {
    return { invalid: "returned a 'permissionDecision' that Claude Code doesn't know" };
  }
  const verdict = verdictOf(output, specific);
  const unknown = unknownField(output, TOP) ?? unknownField(specific, SPECIFIC[String(hook)] ?? []);
  if (unknown !== undefined) return { invalid: `returned '${unknown}', which no gate can apply` };
  if (output.continue !== undefined && output.continue !== true) {
    return { invalid: "returned 'continue' that is neither true nor false" };
  }
  const data = dataOf(event, specific);
  if (data !== undefined && "invalid" in data) return { invalid: String(data.invalid) };
  return { ...(verdict && { verdict }), ...(data && { data }) };
}

/** The fields of an output that a gate applies, or that only concern Claude Code's screen. */
const TOP: readonly string[] = [
  "continue",
  "stopReason",
  "suppressOutput",
  "decision",
  "reason",
  "systemMessage",
  "terminalSequence",
  "hookSpecificOutput",
];

/** The fields of `hookSpecificOutput`, by hook. */
const SPECIFIC: Readonly<Record<string, readonly string[]>> = {
  PreToolUse: [
    "hookEventName",
    "permissionDecision",
    "permissionDecisionReason",
    "updatedInput",
    "additionalContext",
  ],
  PostToolUse: [
    "hookEventName",
    "additionalContext",
    "classifierContext",
    "updatedToolOutput",
    "updatedMCPToolOutput",
  ],
  PostToolUseFailure: ["hookEventName", "additionalContext"],
  UserPromptSubmit: [
    "hookEventName",
    "additionalContext",
    "sessionTitle",
    "suppressOriginalPrompt",
  ],
};

/** Returns a field that may be misspelled, or asks for something that gates can't do; undefined for none. */
function unknownField(fields: Fields, known: readonly string[]): string | undefined {
  return Object.keys(fields).find((name) => !known.includes(name))?.slice(0, 64);
}

/** Words that deny, of this hook or of another. */
const DENIALS: readonly unknown[] = ["deny", "block"];

/** Returns the verdict of an output that denies, even where Claude Code would overlook it; undefined otherwise. */
function denialOf(output: Fields): Verdict | undefined {
  const { hookSpecificOutput } = output;
  const specific = isObject(hookSpecificOutput) ? hookSpecificOutput : {};
  const { reason, more } = textsOf(output, specific);
  if (output.continue === false) {
    const why = textOf(output, "stopReason") ?? reason ?? "Stopped by the hook";
    return { decision: "deny", reason: why, interrupt: true, ...more };
  }
  const denies = (said: unknown): boolean =>
    DENIALS.includes(isObject(said) ? said.behavior : said);
  const isDeny = [output, specific].some(({ decision, permissionDecision }) =>
    denies(decision) || denies(permissionDecision)
  );
  if (!isDeny) return undefined;
  return { decision: "deny", reason: reason ?? "Denied by the hook", ...more };
}

function textsOf(
  output: Fields,
  specific: Fields,
): { readonly reason: string | undefined; readonly more: Pick<Verdict, "context"> } {
  const context = textOf(specific, "additionalContext");
  const reason = textOf(specific, "permissionDecisionReason") ?? textOf(output, "reason");
  return { reason, more: context === undefined ? {} : { context } };
}

/** Returns the verdict of an output that doesn't deny; undefined without an opinion. */
function verdictOf(output: Fields, specific: Fields): Verdict | undefined {
  const { reason, more } = textsOf(output, specific);
  // The newer field wins, as in Claude Code.
  const said = specific.permissionDecision ?? (output.decision === "approve" ? "allow" : undefined);
  // A deferred call waits for a person, too.
  if (said === "ask" || said === "defer") {
    return { decision: "ask", reason: reason ?? "Allow this?", ...more };
  }
  if (said === "allow") return { decision: "allow", ...(reason && { reason }), ...more };
  return more.context === undefined ? undefined : { decision: "none", ...more };
}

/** Returns the data that the hook changed; undefined if it changed none. */
function dataOf({ type, data }: HookEvent, specific: Fields): Fields | undefined {
  const { updatedInput, updatedToolOutput, updatedMCPToolOutput } = specific;
  const result = updatedToolOutput ?? updatedMCPToolOutput;
  if (type === "tool.called" && updatedInput !== undefined) {
    if (!isObject(updatedInput)) {
      return { invalid: "returned 'updatedInput' that is not an object" };
    }
    return { ...data as Fields, params: updatedInput };
  }
  if (type === "tool.completed" && result !== undefined) {
    const text = typeof result === "string" ? result : JSON.stringify(result);
    return { ...data as Fields, result: text };
  }
  return undefined;
}
