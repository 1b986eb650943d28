import { canonicalJson, showInvisible } from "../internal/json_text.ts";
import { isObject } from "../internal/validate.ts";
import { decodeHook, type HookRule } from "./decode.ts";
import {
  decidedEvent,
  type Dialect,
  type EncodeOptions,
  type Fields,
  type HookCall,
  type HookOutcome,
  isApproved,
  present,
  textOf,
} from "./dialect.ts";

/** The parts of a hook's response. */
export type Judged = Pick<HookOutcome, "decision" | "reason" | "context" | "interrupt"> & {
  /** Replaces the input or the result, if a gate changed it. */
  readonly changed: unknown;
  /** Whether the agent no longer needs to ask its user. */
  readonly isApproved: boolean;
};

/** The hooks of an agent. */
export type DialectDefinition = Pick<Dialect, "name" | "title" | "example"> & {
  /** How hooks are read; others are recorded only. */
  readonly rules: Readonly<Record<string, HookRule>>;
  /** The response of each hook that can be denied. */
  readonly outputs: Readonly<Record<string, (judged: Judged, input: Fields) => Fields>>;
  /** Hooks whose agent asks its own user when the response is an ask. */
  readonly asks: readonly string[];
  /** Hooks that a command blocks when it exits with 2. */
  readonly exits: readonly string[];
  /** The field of our data that a hook can replace. Changes of other fields can't be applied, and deny. */
  readonly replaced: Readonly<Record<string, string>>;
  /** The response to an input whose event is unknown: it blocks as much as possible. */
  readonly unreadable: (reason: string) => Fields;
  /** The response when an event could not be recorded, and nothing has to be denied. */
  readonly unrecorded: (reason: string) => Fields;
  /** Gives the fields of an input their common names. */
  readonly prepare?: (input: Fields) => Fields;
};

/** Returns the dialect of some hooks. It denies all failures, and everything that the agent can't apply. */
export function defineDialect(definition: DialectDefinition): Dialect {
  const { name, title, example, rules, outputs, prepare = (input) => input } = definition;
  const decode: Dialect["decode"] = (input) =>
    decodeHook(name, rules, isObject(input) ? prepare(input) : input);

  const deny = (hook: string, input: Fields, reason: string): Fields =>
    outputs[hook]!({ decision: "deny", reason, changed: undefined, isApproved: false }, input);

  const encode: Dialect["encode"] = (call, outcome, options = {}) =>
    Object.hasOwn(outputs, call.hook)
      ? outputs[call.hook]!(judge(definition, call, outcome, options), call.input)
      : {};

  const fail: Dialect["fail"] = (input, reason) => {
    const call = decode(input);
    if (!("invalid" in call)) {
      const event = decidedEvent(call);
      // A server that is down must not keep an agent from ending.
      const isDenied = event !== undefined && event.type !== "agent.end";
      return isDenied ? deny(call.hook, call.input, reason) : definition.unrecorded(reason);
    }
    const hook = isObject(input) ? textOf(input, "hook_event_name") : undefined;
    return hook !== undefined && Object.hasOwn(outputs, hook)
      ? deny(hook, prepare(input as Fields), reason)
      : definition.unreadable(reason);
  };
  const asks = (hook: string): boolean => definition.asks.includes(hook);
  const exits = (hook: string): boolean => definition.exits.includes(hook);
  return { name, title, example, asks, exits, decode, encode, fail };
}

/** Denies an event if the agent can't apply a gate's change: the original would run unjudged. */
function judge(
  { replaced, title }: DialectDefinition,
  call: HookCall,
  outcome: HookOutcome,
  options: EncodeOptions,
): Judged {
  const { decision, reason, context, interrupt, data } = outcome;
  const { type, data: before } = decidedEvent(call) ?? { type: "", data: {} };
  const after = isObject(data) ? data : {};
  const field = Object.hasOwn(replaced, call.hook) ? replaced[call.hook]! : undefined;
  const changed = field !== undefined && differ(before[field], after[field])
    ? after[field] ?? ""
    : undefined;
  const approved = isApproved(outcome, options);
  // The agent shows it to its user.
  const shown = reason === undefined ? undefined : showInvisible(reason);
  const judged = { decision, reason: shown, context, interrupt, changed, isApproved: approved };
  const isLost = field === undefined && type !== "agent.end" && decision !== "deny" &&
    differ(withoutClient(before), withoutClient(after));
  if (!isLost) return judged;
  return {
    ...judged,
    decision: "deny",
    reason: `A gate changed this, and ${title} can't apply that`,
  };
}

function differ(one: unknown, other: unknown): boolean {
  return canonicalJson(one ?? null) !== canonicalJson(other ?? null);
}

function withoutClient({ client: _, ...data }: Fields): Fields {
  return data;
}

/** Returns why something is denied. An ask that reaches no person is a deny, too. */
export function whyDenied({ decision, reason }: Judged): string {
  const text = reason?.trim() || "Denied by a gate"; // agents ignore a deny without a reason
  return decision === "ask" ? `Approval is required: ${text}` : text;
}

/** Returns `hookSpecificOutput` with the fields that are not undefined; nothing if there are none. */
export function specificOutput(hookEventName: string, fields: Fields): Fields {
  const known = present(fields);
  return Object.keys(known).length === 0 ? {} : { hookSpecificOutput: { hookEventName, ...known } };
}

/** Returns the fields that stop the whole agent, if a gate denied with `interrupt`. */
export function stopOutput(judged: Judged): Fields {
  return judged.decision === "deny" && judged.interrupt
    ? { continue: false, stopReason: whyDenied(judged) }
    : {};
}

/** Returns the fields that block an event, and text for the model. */
export function blockOutput(judged: Judged, hook: string): Fields {
  const isDenied = judged.decision !== "allow";
  return {
    ...(isDenied && { ...stopOutput(judged), decision: "block", reason: whyDenied(judged) }),
    ...specificOutput(hook, { additionalContext: judged.context }),
  };
}
