import { checkMembers, OR_INFINITE, readDuration } from "../../internal/options.ts";
import { checkFunctions, checkName, inspect } from "../../internal/validate.ts";
import { checkPatterns, isReport } from "../event_rules.ts";
import type { HookEvent } from "../events.ts";
import type { Logger } from "../hook.ts";
import type { EventOf } from "../patterns.ts";
import type { Recorder } from "../recorder.ts";
import { Breaker } from "./breaker.ts";
import { GateMeter } from "./gate_meter.ts";
import type { Verdict } from "./verdict.ts";

/** How long one gate may take, in milliseconds: an agent waits for it before every tool call. */
const GATE_TIMEOUT = 5_000;

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
  /** Undefined if a failure lets the event through: then the gate is always called. */
  readonly breaker: Breaker | undefined;
  readonly meter: GateMeter;
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
export function readGate(gate: Gate<HookEvent>, recorder: Recorder): RegisteredGate {
  const subject = "Cannot register gate";
  checkName(subject, gate.name);
  const named = `${subject} '${gate.name}'`;
  checkMembers(named, gate, MEMBERS);
  checkFunctions(named, gate, ["handle"], ["filter"]);
  const { kind = "check", priority = 0, onFailure = "deny", mode = "enforce" } = gate;
  const timeout = readDuration(named, "timeout", gate.timeout, OR_INFINITE) ?? GATE_TIMEOUT;
  oneOf(named, "kind", kind, ["check", "rewrite"]);
  oneOf(named, "onFailure", onFailure, ["deny", "ask", "allow"]);
  oneOf(named, "mode", mode, ["enforce", "shadow"]);
  if (typeof priority !== "number" || Number.isNaN(priority)) {
    throw new TypeError(`${named}: 'priority' must be a number, got ${inspect(priority)}`);
  }
  return {
    name: gate.name,
    kind,
    priority,
    timeout,
    onFailure,
    mode,
    filter: gate.filter?.bind(gate),
    handle: gate.handle.bind(gate) as RegisteredGate["handle"],
    breaker: onFailure === "allow" && mode === "enforce" ? undefined : new Breaker(),
    meter: new GateMeter(recorder, gate.name),
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

function oneOf(subject: string, name: string, value: unknown, values: readonly string[]): void {
  if (values.includes(value as string)) return;
  const list = values.map((one) => `"${one}"`).join(" or ");
  throw new TypeError(`${subject}: '${name}' must be ${list}, got ${inspect(value)}`);
}
