import { errorMessage } from "../internal/issues.ts";
import type { ModelCost, Usage } from "./options.ts";
import type { ModelResult } from "./results.ts";

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
