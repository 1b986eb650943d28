import type { Spans, TelemetrySpan } from "../core/telemetry.ts";
import { errorMessage } from "../internal/issues.ts";
import { deferred } from "./async.ts";
import type { AgentHooks, ModelCost, Usage, Within } from "./options.ts";

/** The result of a model call. */
export type ModelResult = {
  /** The model that responded. @default the one that was called */
  readonly model?: string | undefined;
  readonly provider?: string | undefined;
  readonly usage?: Usage | undefined;
  /** Its cost according to the SDK, in US dollars. */
  readonly costUsd?: number | undefined;
  readonly finishReason?: string | undefined;
  /** Time to the first token, in milliseconds. */
  readonly ttftMs?: number | undefined;
  readonly error?: unknown;
};

/** How a run ended. */
export type RunResult = {
  /** The final text. */
  readonly response?: string | undefined;
  /** Its error. */
  readonly error?: unknown;
  /** Whether it was aborted, which outranks an error. */
  readonly aborted?: boolean | undefined;
  /** The tokens of the run, where the SDK counts them. @default the sum of its model calls */
  readonly usage?: Usage | undefined;
  /** What the run cost, in US dollars. @default the sum of its model calls, if all are known */
  readonly costUsd?: number | undefined;
};

/** A model call that has begun. */
type ModelCall = {
  readonly model: string;
  readonly provider?: string | undefined;
  readonly start: number;
};

/** The sums over the model calls of a run; the cost is known if that of each call is. */
type Totals = { readonly usage: Usage; readonly cost_usd: number | undefined };

const NO_USAGE: Usage = { input_tokens: 0, output_tokens: 0 };

/** The model calls of a run, and the sums of those that have ended. */
export class ModelCalls {
  readonly #price: (call: ModelCost) => number | undefined;
  readonly #calls = new Map<string, ModelCall>();
  readonly #usage: { -readonly [Name in keyof Usage]: Usage[Name] } = { ...NO_USAGE };
  #cost: number | undefined = 0;
  #hasEnded = false;

  /** @param price Returns the cost of a call, if the SDK doesn't report it */
  constructor(price: (call: ModelCost) => number | undefined) {
    this.#price = price;
  }

  /** Whether a model was called. */
  get hasBegun(): boolean {
    return this.#hasEnded || this.#calls.size > 0;
  }

  /** The ids of calls that have not ended. */
  get open(): readonly string[] {
    return [...this.#calls.keys()];
  }

  /** The sums; undefined if no call has ended. */
  get totals(): Totals | undefined {
    return this.#hasEnded ? { usage: this.#usage, cost_usd: this.#cost } : undefined;
  }

  begin(callId: string, call: Omit<ModelCall, "start">): void {
    this.#calls.set(callId, { ...call, start: Date.now() });
  }

  /** Ends a call, once. Returns the payload of `model.completed`; undefined if it has not begun. */
  end(callId: string, result: ModelResult) {
    const call = this.#calls.get(callId);
    if (call === undefined) return undefined;
    this.#calls.delete(callId);
    const { model = call.model, provider = call.provider, finishReason, ttftMs, error } = result;
    const usage = result.usage ?? NO_USAGE;
    const cost = result.costUsd ?? this.#price({ model, provider, usage });
    this.#hasEnded = true;
    this.#cost = cost === undefined || this.#cost === undefined ? undefined : this.#cost + cost;
    for (const [name, tokens] of Object.entries(usage) as [keyof Usage, number][]) {
      if (tokens !== undefined) this.#usage[name] = (this.#usage[name] ?? 0) + tokens;
    }
    return {
      model,
      provider,
      usage,
      cost_usd: cost,
      finish_reason: finishReason,
      duration_ms: Date.now() - call.start,
      ttft_ms: ttftMs,
      error: error === undefined ? undefined : errorMessage(error),
    };
  }
}

/** The span of a run: what the run emits and calls belongs to it. */
export class RunSpan {
  readonly #ended = deferred<void>();
  #span: TelemetrySpan | undefined;
  #within: Within = (fn) => fn();

  /** Starts it in the span that is active. */
  constructor({ registry: { observer } }: AgentHooks, attributes: Spans["agent"]) {
    void observer.span("agent", attributes, (span) => {
      this.#span = span;
      this.#within = observer.bind();
      return this.#ended.promise;
    });
  }

  /** Calls a function in it. */
  within<Result>(fn: () => Result): Result {
    return this.#within(fn);
  }

  /** Ends it. */
  end({ error, aborted, usage }: Pick<RunResult, "error" | "aborted" | "usage">): void {
    // Of an error, only its kind: its message may hold anything.
    const kind = error instanceof Error ? error.name : typeof error;
    const failed = error === undefined ? undefined : kind;
    this.#span?.set({ error: aborted ? "aborted" : failed, usage });
    this.#ended.resolve();
  }
}
