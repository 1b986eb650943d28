import type { HookEvent } from "../events.ts";
import { ASK_TIMEOUT } from "./limits.ts";
import { ASK_CHOICES, type AskChoice, type Decided, type Verdict } from "./verdict.ts";

/** How one gate judged, as it is recorded. */
export type GateRecord = {
  readonly name: string;
  readonly kind: "check" | "rewrite";
  readonly mode: "enforce" | "shadow";
  /** `rewritten`: it changed the data; `none`: no opinion; `failed`: see `failure`. */
  readonly verdict: Decided | "none" | "rewritten" | "failed";
  readonly reason?: string | undefined;
  readonly internal?: string | undefined;
  /** How long it took, in milliseconds. */
  readonly duration_ms: number;
  readonly failure?: GateFailure | undefined;
  /**
   * Whether it returned after its time was up, while other gates still ran. `internal` says what it returned,
   * which changed nothing. After the decision, that is a `gate.late` event.
   */
  readonly late?: boolean | undefined;
  /** In shadow mode: what would have been applied. */
  readonly would_block?: boolean | undefined;
};

/** The result of a run of gates. */
export type GateOutcome = {
  readonly decision: Decided;
  /** The data that was judged last, frozen. */
  readonly data: unknown;
  /**
   * The verdict that decided: the first gate's with the strongest decision. If several gates ask, their asks are
   * combined.
   */
  readonly verdict: Verdict | undefined;
  /** The gate of that verdict. */
  readonly gate: string | undefined;
  /** Text for the model, of all gates that are enforced, in their order. */
  readonly context: readonly string[];
  readonly gates: readonly GateRecord[];
  /** Whether it denies because something failed: no gate and no person said no. */
  readonly isError: boolean;
  /** Why nobody could approve what the gates ask. It doesn't apply to data that a person has edited. */
  readonly conflict?: string | undefined;
};

/** The result of one gate: its record, and what is applied. */
export type GateResult = {
  record: GateRecord;
  readonly verdict: Verdict | undefined;
  /** The event with new data. */
  readonly event: HookEvent | undefined;
};

/** The strength of each decision: the strongest one wins. */
export const STRENGTH: Readonly<Record<Decided, number>> = { allow: 1, ask: 2, deny: 3 };

/** Merges the results of gates, in their order. */
export function outcomeOf(judged: readonly GateResult[], { data }: HookEvent): GateOutcome {
  const { decision, verdict, gate, context } = merge(judged);
  const gates = judged.map(({ record }) => record);
  const isError = decision === "deny" && !judged.some(isDenial);
  const outcome = { decision, data, verdict, gate, context, gates, isError };
  return decision === "ask" ? { ...outcome, conflict: conflictIn(judged) } : outcome;
}

/** Returns whether a gate said no, rather than failed. */
function isDenial({ verdict, record }: GateResult): boolean {
  return verdict?.decision === "deny" && record.failure === undefined;
}

/** Returns the strongest verdict. Of equals, the first gate's wins, and asks are combined. */
export function merge(
  judged: readonly GateResult[],
): Pick<GateOutcome, "decision" | "verdict" | "gate" | "context"> {
  let strongest: Verdict | undefined;
  let decision: Decided | undefined;
  let gate: string | undefined;
  const context: string[] = [];
  for (const { verdict, record } of judged) {
    if (verdict === undefined) continue;
    if (verdict.context) context.push(verdict.context);
    if (verdict.decision === "none") continue;
    if (decision && STRENGTH[decision] >= STRENGTH[verdict.decision]) continue;
    strongest = verdict;
    decision = verdict.decision;
    gate = record.name;
  }
  const verdict = decision === "ask" ? askOf(judged) : strongest;
  return { decision: decision ?? "allow", verdict, gate, context };
}

/** Returns one ask for all gates that ask: all questions, the choices that all offer, and the time that all allow. */
function askOf(judged: readonly GateResult[]): Verdict {
  const asks = judged.flatMap(({ verdict }) => verdict?.decision === "ask" ? [verdict] : []);
  const choices = asks.map(({ allow = ASK_CHOICES }) => allow);
  const common = choices[0]!.filter((choice) => choices.every((others) => others.includes(choice)));
  if (asks.length === 1) return asks[0]!;
  return {
    ...asks[0]!,
    reason: [...new Set(asks.map(({ reason }) => reason))].join("\n"),
    expiresIn: Math.min(...asks.map(({ expiresIn = ASK_TIMEOUT }) => expiresIn)),
    allow: common.length > 0 ? common : ["deny"],
  };
}

/** Returns why no person could approve what several gates ask, or undefined. */
function conflictIn(judged: readonly GateResult[]): string | undefined {
  const asking = judged.filter(({ verdict }) => verdict?.decision === "ask");
  const choices = asking.map(({ verdict }) => verdict!.allow ?? ASK_CHOICES);
  const approving = choices.map((some): readonly AskChoice[] =>
    some.filter((choice) => choice !== "deny")
  );
  const isOffered = (choice: AskChoice) => approving.every((some) => some.includes(choice));
  const [first = []] = approving;
  if (approving.some(({ length }) => length === 0) || first.some(isOffered)) return undefined;
  const names = [...new Set(asking.map(({ record }) => `'${record.name}'`))].join(", ");
  return `The gates ${names} ask, but offer no common choice that approves`;
}

/**
 * Returns what remains of a rewrite's verdict once another rewrite has changed the data: an allow is void,
 * and an ask would be about data that doesn't run.
 */
export function outdated(result: GateResult, by: string): GateResult {
  const { verdict, record } = result;
  if (record.kind !== "rewrite" || verdict === undefined) return result;
  switch (record.verdict) {
    case "ask": {
      const reason = `Gate '${by}' changed what gate '${record.name}' asks about`;
      return { ...result, verdict: { decision: "deny", reason } };
    }
    case "allow": {
      const internal = `allowed what '${by}' changed`;
      return {
        ...result,
        record: { ...record, verdict: "none", internal },
        verdict: { ...verdict, decision: "none" },
      };
    }
    default:
      return result;
  }
}

/** Returns the gates that ask. */
export function askersOf(gates: readonly GateRecord[]): readonly string[] {
  const asking = gates.filter(({ mode, verdict }) => mode === "enforce" && verdict === "ask");
  return asking.map(({ name }) => name);
}

/** Why a gate gave no well-formed verdict in time. */
export type GateFailure =
  | "error"
  | "timeout"
  | "aborted"
  | "unreachable"
  | "status"
  | "invalid"
  | "too_large"
  | "missing"
  | "store";

/**
 * Thrown by a gate that calls another service, to say how that failed. Any other error is recorded as
 * `"error"`. Its message is recorded as `internal`, and never reaches the model.
 */
export class GateError extends Error {
  /** Identifies the class, also across copies of the package. */
  override readonly name = "GateError";
  /** The stable error code. */
  readonly code = "gate_failed";
  /** How the gate failed. */
  readonly failure: "unreachable" | "status" | "invalid" | "too_large";

  /** Creates an error. */
  constructor(failure: GateError["failure"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}

/** Returns whether a thrown value is of a class, without throwing for a revoked proxy as `instanceof` does. */
export function isOf<Type>(
  error: unknown,
  type: abstract new (...args: never) => Type,
): error is Type {
  try {
    return error instanceof type;
  } catch {
    return false;
  }
}

/** Returns whether a gate did not respond: then the same call is decided again, even if a person was asked. */
export function isTransient(failure: GateFailure | undefined): boolean {
  return failure === "timeout" || failure === "aborted" || failure === "unreachable";
}
