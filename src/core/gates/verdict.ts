/** The decision of a gate, in order of strength: the strongest of several wins. */
export type Decided = "deny" | "ask" | "allow";

/** What `allow`, `deny` and `ask` return. */
export type Verdict = {
  /** What the gate decided. */
  readonly decision: Decided;
  /** Why, for the model and for logs. For `ask`: the question. */
  readonly reason?: string | undefined;
  /** Why, for logs only: it reaches neither the model nor an HTTP caller. */
  readonly internal?: string | undefined;
  /** Whether the agent should stop its run; with `deny` only. */
  readonly interrupt?: boolean | undefined;
  /** Text for the model, whatever the decision. */
  readonly context?: string | undefined;
  /** How long a person may take to answer, in milliseconds; with `ask` only. */
  readonly expiresIn?: number | undefined;
  /** What the person may choose; with `ask` only. @default {["allow", "deny"]} */
  readonly allow?: readonly AskChoice[] | undefined;
};

/** What a person may choose when a gate asks. */
export type AskChoice = "allow" | "deny" | "edit";

/** Verdicts that were made by the functions below, so that a rewrite can return one in place of data. */
const made = /* @__PURE__ */ new WeakSet<object>();

/** Allows the event. It never overrides another gate that denies or asks. */
export function allow(
  reason?: string,
  options: Pick<Verdict, "context"> = {},
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

/** Whether a value was returned by `allow`, `deny` or `ask`. */
export function isVerdict(value: unknown): value is Verdict {
  return typeof value === "object" && value !== null && made.has(value);
}

/**
 * Reads what a check returned: a verdict, an object of its form, or nothing. A gate that returns anything
 * else has failed: a misspelled decision must not pass for no opinion.
 *
 * @returns The verdict, undefined for no opinion, or what is wrong
 */
export function readVerdict(value: unknown): Verdict | undefined | { readonly invalid: string } {
  if (value === undefined || value === null || isVerdict(value)) return value ?? undefined;
  if (typeof value !== "object" || Array.isArray(value)) {
    return { invalid: `returned ${typeof value}: return allow(), deny(), ask() or nothing` };
  }
  const { decision, reason, internal, interrupt, context, expiresIn, allow: choices } = value as
    & Readonly<Record<string, unknown>>
    & { readonly decision?: unknown };
  if (decision !== "allow" && decision !== "deny" && decision !== "ask") {
    const found = typeof decision === "string" ? `"${decision.slice(0, 40)}"` : typeof decision;
    return { invalid: `returned the decision ${found}: it must be "allow", "deny" or "ask"` };
  }
  const texts = { reason, internal, context };
  for (const [name, text] of Object.entries(texts)) {
    if (text !== undefined && typeof text !== "string") {
      return { invalid: `returned '${name}' that is not a text` };
    }
  }
  return {
    decision,
    ...texts as Pick<Verdict, "reason" | "internal" | "context">,
    ...(interrupt === true && { interrupt }),
    ...(typeof expiresIn === "number" && { expiresIn }),
    ...(Array.isArray(choices) && { allow: choices as readonly AskChoice[] }),
  };
}

function make(verdict: Verdict): Verdict {
  const frozen = Object.freeze(verdict);
  made.add(frozen);
  return frozen;
}
