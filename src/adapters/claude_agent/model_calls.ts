import type { Usage } from "../options.ts";
import type { AgentRun } from "../run.ts";

/** The known part of a message of the Messages API. */
export type ModelMessage = {
  readonly id?: string;
  readonly model?: string;
  readonly content?: string | readonly { readonly text?: string }[];
  readonly stop_reason?: string | null;
  readonly usage?: Tokens | null;
};

/** The tokens of a call, by the names of the Messages API. */
export type Tokens = {
  readonly input_tokens?: number | null;
  readonly output_tokens?: number | null;
  readonly cache_read_input_tokens?: number | null;
  readonly cache_creation_input_tokens?: number | null;
};

/** The part of a model call that has arrived. */
type ModelCall = {
  readonly id: string;
  usage?: Tokens;
  finishReason?: string;
  ttftMs?: number;
};

/** Messages that are known to belong to a call that has ended. */
const MAX_ENDED = 1_000;

/** The model calls of a session: one at a time in each run. Several messages arrive for each. */
export class ModelCalls {
  readonly #calls = new Map<AgentRun, ModelCall>();
  readonly #ended = new Set<string>();

  /** Returns the call that a message belongs to, and begins it if it is new; undefined if it has ended. */
  async begin(run: AgentRun, message: ModelMessage): Promise<ModelCall | undefined> {
    const { id = "message", model = "unknown", usage, stop_reason: reason } = message;
    if (this.#ended.has(id)) return undefined;
    let call = this.#calls.get(run);
    if (call?.id !== id) {
      await this.complete(run);
      call = { id };
      this.#calls.set(run, call);
      await run.modelCalled(id, { model, provider: "anthropic" });
    }
    if (usage) call.usage = usage;
    if (reason) call.finishReason = reason;
    return call;
  }

  /** Returns the call of a run that has begun. */
  of(run: AgentRun): ModelCall | undefined {
    return this.#calls.get(run);
  }

  /** Ends the call of a run, if there is one: something else has begun. */
  async complete(run: AgentRun, error?: string): Promise<void> {
    const call = this.#calls.get(run);
    if (call === undefined) return;
    this.#calls.delete(run);
    this.#ended.add(call.id);
    const [oldest] = this.#ended;
    if (this.#ended.size > MAX_ENDED) this.#ended.delete(oldest!);
    const { id, usage, finishReason, ttftMs } = call;
    await run.modelCompleted(id, { usage: usage && usageOf(usage), finishReason, ttftMs, error });
  }
}

/** Returns tokens as in events. */
export function usageOf(tokens: Tokens): Usage {
  const { cache_read_input_tokens: read, cache_creation_input_tokens: written } = tokens;
  return {
    input_tokens: tokens.input_tokens ?? 0,
    output_tokens: tokens.output_tokens ?? 0,
    ...(read != null && { cache_read_tokens: read }),
    ...(written != null && { cache_write_tokens: written }),
  };
}
