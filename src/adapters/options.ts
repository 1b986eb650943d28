import { checkKnown } from "../internal/options.ts";
import { checkFunctions, checkObject, invalidOption } from "../internal/validate.ts";
import type {
  AgentEvents,
  EventType,
  FinalDecision,
  Hooks,
  ObserveOptions,
  ToolContext,
} from "../core/mod.ts";
import type { Spans, TelemetrySpan } from "../core/telemetry.ts";

/** The tokens of a model call, as in `model.completed`. */
export type Usage = AgentEvents["model.completed"]["usage"];

/** The part of hooks that adapters use. `Hooks` of any events have it. */
export type AgentHooks = Pick<Hooks, "call" | "decide"> & {
  readonly registry: {
    readonly observer: {
      emit(type: EventType, data: unknown, options?: ObserveOptions): Promise<void>;
      enter(): () => void;
      span<Name extends keyof Spans, Result>(
        name: Name,
        attributes: Spans[Name],
        fn: (span: TelemetrySpan) => Result,
      ): Result;
      bind(): <Result>(fn: () => Result) => Result;
      report(message: string, error: unknown): void;
      readonly closing: AbortSignal;
    };
    readonly gates: {
      guards(type: string): boolean;
      preload(): void;
      use(decision: FinalDecision): Promise<boolean>;
      markJudged(context: ToolContext): void;
    };
  };
};

/** Calls a function in a span, and returns its result. */
export type Within = <Result>(fn: () => Result) => Result;

/** Options of every adapter. */
export interface AgentOptions {
  /** The session that the events belong to. @default the SDK's own, else none */
  readonly sessionId?: string | undefined;
  /** The `agent_id` of its events. @default none; the SDK's name of a subagent */
  readonly agentId?: string | undefined;
  /** The name of the agent, in `agent.start`. @default the SDK's name of the agent, else none */
  readonly name?: string | undefined;
  /**
   * Returns the price of a model call in US dollars, for `cost_usd`; undefined if it is not known.
   * @default the SDK's cost, if it reports one
   */
  readonly cost?: ((call: ModelCost) => number | undefined) | undefined;
}

/** The arguments of a price. */
export interface ModelCost {
  /** The model, by the name that its provider uses. */
  readonly model: string;
  /** The provider of the model. */
  readonly provider?: string | undefined;
  /** The tokens of the call. */
  readonly usage: Usage;
}

const KNOWN: readonly string[] = ["sessionId", "agentId", "name", "cost"];

/** Names that people may expect. */
const RENAMED = { session: "sessionId", threadId: "sessionId", agent: "agentId", price: "cost" };

/** Checks the arguments of an adapter. @throws {TypeError} when something is invalid */
export function checkAgentOptions(subject: string, hooks: unknown, options: AgentOptions): void {
  checkObject(subject, "the first argument", hooks);
  checkFunctions(`${subject} with these hooks`, hooks as object, ["call", "decide", "emit"]);
  checkKnown(subject, options, KNOWN, RENAMED);
  for (const field of ["sessionId", "agentId", "name"] as const) {
    const value = options[field];
    if (value === undefined || typeof value === "string") continue;
    throw invalidOption(subject, field, value, "a string");
  }
  checkFunctions(subject, options, [], ["cost"]);
  (hooks as AgentHooks).registry.gates.preload();
}
