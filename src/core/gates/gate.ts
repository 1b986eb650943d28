import { systemClock } from "../../internal/clock.ts";
import { checkMembers, OR_INFINITE, readDuration, readNumber } from "../../internal/options.ts";
import { checkFunctions, checkName, checkOneOf, invalidOption } from "../../internal/validate.ts";
import { checkPatterns, isReport, patternsFor } from "../event_rules.ts";
import type { EventOf, HookEvent } from "../events.ts";
import type { Logger } from "../hook.ts";
import type { GateState } from "./gate_state.ts";
import { GATE_TIMEOUT } from "./limits.ts";
import type { Verdict } from "./verdict.ts";

/** The second argument of a gate. */
export type GateContext = {
  /** Aborts with the gate's timeout, the decision's, the caller's signal, or when the hooks close. */
  readonly signal: AbortSignal;
  /** The logger of the hooks. */
  readonly logger: Logger;
  /** The decision that the gate is a part of, as in `gate.decided`. */
  readonly decisionId: string;
  /**
   * Whether the data is final. It is false only for results (`tool.completed`, `message.sent`) that are
   * rewritten: their checks run first on the raw data, and again after the rewrites.
   */
  readonly final: boolean;
  /** The trace to pass on when it calls another service: that of the gate's span, or else of the event. */
  readonly traceparent?: string | undefined;
};

/** What a check returns: a verdict, or nothing for no opinion. */
export type CheckResult = Verdict | undefined | null | void;

/** What a rewrite returns: new data, a verdict, or nothing to leave the data as it is. */
export type RewriteResult<Data> = Data | Verdict | undefined | null | void;

/** The members of every gate. */
export type GateBase<Event extends HookEvent = EventOf> = {
  /** Unique among gates: 1 to 64 characters of `[A-Za-z0-9._-]`. */
  readonly name: string;
  /** Rewrites run in this order, highest first; equals in the order of registration. @default {0} */
  readonly priority?: number | undefined;
  /** Limit of one call, in milliseconds. @default {5000} */
  readonly timeout?: number | undefined;
  /**
   * How to treat an error, a timeout, or anything but a well-formed verdict.
   * @default {"deny"}
   */
  readonly onFailure?: "deny" | "ask" | "allow" | undefined;
  /** `"shadow"`: the gate runs and its verdict is recorded, but never applied. @default {"enforce"} */
  readonly mode?: "enforce" | "shadow" | undefined;
  // Typed as a method: methods are bivariant, so a list of gates for few events fits where more are known.
  /** Skips the events for which it returns false. A filter that throws is a failure. */
  readonly filter?: { filter(event: Event): boolean }["filter"] | undefined;
};

/** A gate that judges an event. */
export type CheckGate<Event extends HookEvent = EventOf> = GateBase<Event> & {
  /** @default {"check"} */
  readonly kind?: "check" | undefined;
  /** Judges an event, whose data is frozen. */
  handle(event: Event, context: GateContext): CheckResult | PromiseLike<CheckResult>;
};

/** A gate that changes the data of an event. */
export type RewriteGate<Event extends HookEvent = EventOf> = GateBase<Event> & {
  readonly kind: "rewrite";
  /** Returns new data. `name`, `call_id` and `session_id` must stay as they are. */
  handle(
    event: Event,
    context: GateContext,
  ): RewriteResult<Event["data"]> | PromiseLike<RewriteResult<Event["data"]>>;
};

/** A gate: a check, or a rewrite. */
export type Gate<Event extends HookEvent = EventOf> = CheckGate<Event> | RewriteGate<Event>;

/** A gate with its defaults. */
export type RegisteredGate = {
  readonly name: string;
  readonly kind: "check" | "rewrite";
  readonly priority: number;
  readonly timeout: number;
  readonly onFailure: "deny" | "ask" | "allow";
  readonly mode: "enforce" | "shadow";
  readonly filter: ((event: HookEvent) => boolean) | undefined;
  readonly handle: (event: HookEvent, context: GateContext) => unknown;
  /** Undefined before its first call. */
  state: GateState | undefined;
};

const MEMBERS: readonly string[] = [
  "name",
  "kind",
  "priority",
  "timeout",
  "onFailure",
  "mode",
  "filter",
  "handle",
];

/** Checks a gate and fills in its defaults. @throws {TypeError | RangeError} */
export function readGate(gate: Gate<HookEvent>): RegisteredGate {
  const subject = "Cannot register gate";
  checkName(subject, gate.name);
  const named = `${subject} '${gate.name}'`;
  checkMembers(named, gate, MEMBERS);
  checkFunctions(named, gate, ["handle"], ["filter"]);
  const { kind = "check", priority = 0, onFailure = "deny", mode = "enforce" } = gate;
  const timeout = readDuration(named, "timeout", gate.timeout, OR_INFINITE) ?? GATE_TIMEOUT;
  checkOneOf(named, "kind", kind, ["check", "rewrite"]);
  checkOneOf(named, "onFailure", onFailure, ["deny", "ask", "allow"]);
  checkOneOf(named, "mode", mode, ["enforce", "shadow"]);
  readNumber(named, "priority", priority);
  return {
    name: gate.name,
    kind,
    priority,
    timeout,
    onFailure,
    mode,
    filter: gate.filter?.bind(gate),
    handle: gate.handle.bind(gate) as RegisteredGate["handle"],
    state: undefined,
  };
}

/** Checks the patterns of a gate. @throws {TypeError} */
export function readGatePatterns(subject: string, pattern: unknown): readonly string[] {
  const patterns = checkPatterns(subject, pattern);
  const report = patterns.find(isReport);
  if (report === undefined) return patterns;
  throw new TypeError(
    `${subject}: no gate decides about '${report}', because events of gate.*, webhook.* and ` +
      "delivery.* report what happened",
  );
}

/** The most types whose gates are cached. The number is bounded because types also come from outside. */
const MAX_TYPES = 1_000;

/** Gates of a type, highest priority first; equals in the order of registration. */
export type GateList = {
  readonly all: readonly RegisteredGate[];
  readonly rewrites: readonly RegisteredGate[];
  readonly checks: readonly RegisteredGate[];
};

type Entry = { readonly gate: RegisteredGate; readonly patterns: readonly string[] };

/** The gates that are registered, in their order. */
export class GateTable {
  readonly #required: readonly string[];
  readonly #entries = new Map<string, Entry>();
  readonly #byType = new Map<string, GateList>();
  /** Rises with every change: decisions of other gates don't apply to these. */
  version = 0;
  /** When a gate was removed last, in milliseconds. */
  removedAt: number = -Infinity;

  /**
   * @param required Names of gates without which nothing is allowed
   * @throws {TypeError} when it is no list of names
   */
  constructor(subject: string, required: readonly string[]) {
    if (!Array.isArray(required) || !required.every((name) => typeof name === "string")) {
      throw invalidOption(subject, "required", required, "a list of names");
    }
    this.#required = [...required];
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** Adds a gate. Returns a function that removes it. */
  add(gate: RegisteredGate, patterns: readonly string[]): () => void {
    const entry = { gate, patterns };
    this.#entries.set(gate.name, entry);
    this.#changed();
    return () => {
      if (this.#entries.get(gate.name) !== entry) return;
      this.#entries.delete(gate.name);
      this.removedAt = systemClock.now();
      this.#changed();
    };
  }

  #changed(): void {
    this.#byType.clear();
    this.version++;
  }

  /**
   * Returns whether a decision about a type needs gates at all. While a required gate is missing, any type does: only
   * its registration says what it judges.
   */
  guards(type: string): boolean {
    return this.gatesFor(type).all.length > 0 || this.missing().length > 0;
  }

  /** Returns the gates of a type. */
  gatesFor(type: string): GateList {
    const known = this.#byType.get(type);
    if (known !== undefined) return known;
    const patterns = patternsFor(type);
    const all = [...this.#entries.values()]
      .filter((entry) => entry.patterns.some((pattern) => patterns.includes(pattern)))
      .map(({ gate }) => gate)
      .sort((a, b) => b.priority - a.priority);
    if (this.#byType.size >= MAX_TYPES) this.#byType.clear();
    const gates = listGates(all);
    this.#byType.set(type, gates);
    return gates;
  }

  /** Returns the names of required gates that aren't registered, or aren't enforced. */
  missing(): readonly string[] {
    return this.#required.filter((name) => this.#entries.get(name)?.gate.mode !== "enforce");
  }
}

/** Returns gates by what they do, each in its order. */
export function listGates(all: readonly RegisteredGate[]): GateList {
  const rewrites = all.filter(({ kind }) => kind === "rewrite");
  const checks = all.filter(({ kind }) => kind === "check");
  return { all, rewrites, checks };
}
