import { fieldOf } from "../../internal/validate.ts";

/** What a gate decided, in order of strength: the strongest of several wins. */
export type Decided = "deny" | "ask" | "allow";

/** What `allow`, `deny` and `ask` return. */
export type Verdict = {
  /** What the gate decided. `"none"` is no opinion, for a gate that only has `context` for the model. */
  readonly decision: Decided | "none";
  /** Why, for the model and for logs. For `ask`: the question. */
  readonly reason?: string | undefined;
  /** Why, for logs only: it reaches neither the model nor an HTTP caller. */
  readonly internal?: string | undefined;
  /** Whether the agent should stop its run; with `deny` only. */
  readonly interrupt?: boolean | undefined;
  /** Text for the model, whatever the decision. */
  readonly context?: string | undefined;
  /** How long a person may take, in milliseconds; with `ask` only. @default {600000} ten minutes */
  readonly expiresIn?: number | undefined;
  /** What the person may choose; with `ask` only. @default {["allow", "deny"]} */
  readonly allow?: readonly AskChoice[] | undefined;
  /** New data, with `allow` of a rewrite only: as if it were returned, but with a reason or context. */
  readonly data?: unknown;
};

/** What a person may choose when a gate asks. */
export type AskChoice = "allow" | "deny" | "edit";

/** What a person may choose, unless a gate says otherwise. */
export const ASK_CHOICES: readonly AskChoice[] = ["allow", "deny"];

/** Marks the results of the functions below. Shared by all copies of the package in a process. */
const VERDICT = Symbol.for("omniagent.hooks.verdict");

/**
 * Allows the event. It never overrides another gate that denies or asks.
 *
 * @param options `data` is new data, for a rewrite that also gives a reason or context
 */
export function allow(
  reason?: string,
  options: Pick<Verdict, "context" | "data"> = {},
): Verdict {
  return make({ ...options, decision: "allow", reason });
}

/**
 * Denies the event.
 *
 * @param reason Why, for the model: it decides what to do instead
 */
export function deny(
  reason: string,
  options: Pick<Verdict, "internal" | "interrupt" | "context"> = {},
): Verdict {
  return make({ ...options, decision: "deny", reason });
}

/** Asks a person before the event may happen. */
export function ask(
  question: string,
  options: Pick<Verdict, "expiresIn" | "allow" | "context" | "internal"> = {},
): Verdict {
  return make({ ...options, decision: "ask", reason: question });
}

/** Returns whether a value was returned by `allow`, `deny` or `ask`. */
export function isVerdict(value: unknown): value is Verdict {
  return typeof value === "object" && value !== null && VERDICT in value;
}

/**
 * Reads what a check returned: a verdict, an object of its form, or nothing. A gate that returns anything
 * else has failed: a misspelled decision must not pass for no opinion.
 *
 * @returns The verdict, undefined for no opinion, or what is wrong
 */
export function readVerdict(value: unknown): Verdict | undefined | { readonly invalid: string } {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "object" || Array.isArray(value)) {
    return { invalid: `returned ${typeof value}: return allow(), deny(), ask() or nothing` };
  }
  const fields = ownOf(value) as Fields;
  const { decision, reason, internal, interrupt, context, expiresIn, allow: choices, data } =
    fields;
  if (!isDecided(decision) && decision !== "none") {
    const found = typeof decision === "string" ? `"${decision.slice(0, 40)}"` : typeof decision;
    return {
      invalid: `returned the decision ${found}: it must be "allow", "deny", "ask" or "none"`,
    };
  }
  const texts = { reason, internal, context };
  // A deny counts, no matter what else is wrong with it.
  if (decision === "deny") {
    const known = Object.entries(texts).filter(([, text]) => typeof text === "string");
    return { decision, ...Object.fromEntries(known), ...(interrupt === true && { interrupt }) };
  }
  const invalid = findIssue(fields, decision);
  if (invalid !== undefined) return { invalid };
  const isAsk = decision === "ask";
  return {
    decision,
    ...texts as Pick<Verdict, "reason" | "internal" | "context">,
    ...(interrupt === true && { interrupt }),
    ...(isAsk && expiresIn !== undefined && { expiresIn: expiresIn as number }),
    ...(isAsk && choices !== undefined && { allow: choices as readonly AskChoice[] }),
    ...(decision === "allow" && data !== undefined && data !== null && { data }),
  };
}

type Fields = Readonly<Record<string, unknown>>;

/** Returns what is wrong with the fields of a verdict that is no deny; undefined if nothing is. */
function findIssue(
  { reason, internal, interrupt, context, expiresIn, allow: choices, data }: Fields,
  decision: Decided | "none",
): string | undefined {
  for (const [name, text] of Object.entries({ reason, internal, context })) {
    if (text !== undefined && typeof text !== "string") {
      return `returned '${name}' that is not a text`;
    }
  }
  if (data !== undefined && data !== null && decision !== "allow") {
    return `returned 'data' with "${decision}": change data with "allow"`;
  }
  if (interrupt !== undefined && typeof interrupt !== "boolean") {
    return "returned 'interrupt' that is not true or false";
  }
  if (decision !== "ask") return undefined;
  if (!reason) return "asked nothing: pass a question";
  if (expiresIn !== undefined && !(typeof expiresIn === "number" && expiresIn > 0)) {
    return "returned 'expiresIn' that is not a positive number of milliseconds";
  }
  if (choices !== undefined && !(Array.isArray(choices) && choices.every(isChoice))) {
    return `returned 'allow' that is not a list of "allow", "deny" and "edit"`;
  }
  return undefined;
}

/** Reads a verdict from elsewhere, such as another process, and marks it, so that a rewrite may return it, too. */
export function adoptVerdict(value: unknown): Verdict | undefined | { readonly invalid: string } {
  const verdict = readVerdict(value);
  return verdict === undefined || "invalid" in verdict ? verdict : mark(verdict);
}

/** Returns whether a value is one of the three decisions. */
function isDecided(value: unknown): value is Decided {
  return value === "allow" || value === "deny" || value === "ask";
}

/** Returns what looks like a decision in data; undefined for an event that has such a field. */
export function decisionIn(event: { readonly data: unknown }, data: unknown): unknown {
  return fieldOf(event.data, "decision") === undefined ? fieldOf(data, "decision") : undefined;
}

/** Reads own fields only: a polluted `Object.prototype` must not add any. */
function ownOf(value: object): object {
  const isPlain = Object.getPrototypeOf(value) === Object.prototype;
  return isPlain ? Object.assign(Object.create(null), value) : value;
}

function isChoice(value: unknown): boolean {
  return value === "allow" || value === "deny" || value === "edit";
}

/** Marks a verdict. @throws {TypeError} when it is not well-formed */
function make(verdict: Verdict): Verdict {
  const read = readVerdict(verdict);
  if (read !== undefined && "invalid" in read) {
    throw new TypeError(`Cannot ${verdict.decision}: the gate ${read.invalid}`);
  }
  return mark(read!);
}

function mark(verdict: Verdict): Verdict {
  return Object.freeze(Object.defineProperty({ ...verdict }, VERDICT, { value: true }));
}
