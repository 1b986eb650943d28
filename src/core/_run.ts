import { abortable, isThenable } from "../internal/async.ts";
import { type Entry, SKIPPED } from "./_entry.ts";
import type { InFlight } from "./_under_way.ts";
import type { HookLifecycle } from "./_lifecycle.ts";
import type { Call, Plan } from "./_plans.ts";
import type { Reporter } from "./reporter.ts";
import type { HandlerOutcome, Receipt } from "./emitter.ts";
import { DispatchError } from "./errors.ts";
import type { HookEvent } from "./events.ts";
import type { HandlerContext } from "./hook.ts";

/** What a dispatch that is not plain has of its own. */
export type RunOptions = {
  /** How many deliveries were stored. */
  readonly deliveries: number;
  /** The event as inline webhooks are to send it. */
  readonly sent: HookEvent;
  /** When it aborts, by the caller or by `close`, nothing is waited for and nothing more is called. */
  readonly signal: AbortSignal;
  /** The context of a call. */
  contextFor(entry: Entry): HandlerContext;
};

/** What a dispatch needs of the engine. */
export type RunHost = {
  readonly reporter: Reporter;
  readonly inFlight: InFlight;
  readonly lifecycle: HookLifecycle;
};

/**
 * Calls the handlers of a plan, one after the other.
 *
 * As long as they return no promise, they are called in one go: no promise is made, and nothing is noted.
 * The first that returns one, is skipped or throws hands over to a `Run`.
 */
export function runPlan(plan: Plan, event: HookEvent, host: RunHost): Promise<Receipt> {
  const { invokes, contexts } = plan;
  let index = 0;
  try {
    for (; index < invokes.length; index++) {
      const invoke = invokes[index]!;
      const result = invoke(event, contexts[index]!);
      if (result !== undefined && (result === SKIPPED || isThenable(result))) {
        return new Run(plan, event, host).go(index, result);
      }
    }
  } catch (error) {
    return new Run(plan, event, host).go(index, error, true);
  }
  return Promise.resolve({
    id: event.id,
    deliveries: 0,
    duplicate: false,
    handlers: plan.succeeded,
  });
}

/** One event on its way through the calls of a plan, with all that can happen there. */
export class Run {
  readonly #plan: Plan;
  readonly #event: HookEvent;
  readonly #host: RunHost;
  readonly #options: RunOptions | undefined;
  /** Noted from the first call on that failed, was skipped, or sends; until then, all succeeded. */
  #outcomes: HandlerOutcome[] | undefined;
  /** Inline webhooks under way. */
  #sending: Promise<void>[] | undefined;

  constructor(plan: Plan, event: HookEvent, host: RunHost, options?: RunOptions) {
    this.#plan = plan;
    this.#event = event;
    this.#host = host;
    this.#options = options;
  }

  /**
   * Calls every handler from an index on. What the first of them returned or threw may be known.
   *
   * @throws {DispatchError} when handlers failed
   */
  async go(start: number, known?: unknown, threw = false): Promise<Receipt> {
    const { calls } = this.#plan;
    const signal = this.#options?.signal;
    const epoch = this.#host.inFlight.enter();
    for (let index = start; index < calls.length; index++) {
      const call = calls[index]!;
      try {
        if (threw && index === start) throw known;
        const result = index === start && known !== undefined ? known : this.#call(call);
        if (isThenable(result)) {
          if (call.sends) {
            this.#send(call, index, result);
            continue;
          }
          await (signal === undefined ? result : abortable(result, signal));
        } else if (result === SKIPPED) {
          this.#note(index);
          continue;
        }
        this.#outcomes?.push(call.succeeded);
      } catch (error) {
        this.#note(index).push(this.#failure(call, error));
      }
    }
    if (this.#sending) await Promise.all(this.#sending);
    epoch.leave();
    return this.#end();
  }

  #call(call: Call): unknown {
    const { invoke, context } = call;
    const { lifecycle } = this.#host;
    if (lifecycle.over) throw lifecycle.abandoned.signal.reason; // its hook may be closed
    const options = this.#options;
    if (options === undefined) return invoke(this.#event, context);
    options.signal?.throwIfAborted();
    const event = call.sends ? options.sent : this.#event;
    return invoke(event, options.contextFor(call.entry));
  }

  /** A webhook is under way; its outcome stands in its turn, and is set when it is known. */
  #send(call: Call, index: number, sent: PromiseLike<unknown>): void {
    const outcomes = this.#note(index);
    const turn = outcomes.push(call.succeeded) - 1;
    this.#sending ??= [];
    this.#sending.push(
      Promise.resolve(sent).then(
        () => {},
        (error) => void (outcomes[turn] = this.#failure(call, error)),
      ),
    );
  }

  /** Begins to note outcomes: until this index, all calls succeeded. */
  #note(index: number): HandlerOutcome[] {
    return this.#outcomes ??= this.#plan.succeeded.slice(0, index);
  }

  /** Reports a failure and makes an outcome of it. */
  #failure(call: Call, error: unknown): HandlerOutcome {
    const { name } = call.succeeded;
    const event = this.#event;
    const message = `Handler '${name}' failed on event '${event.type}' (${event.id})`;
    this.#host.reporter.failed(message, error, event);
    return { name, ok: false, error };
  }

  #end(): Receipt {
    const handlers = this.#outcomes ?? this.#plan.succeeded;
    const deliveries = this.#options?.deliveries ?? 0;
    const receipt = { id: this.#event.id, deliveries, duplicate: false, handlers };
    const failures = this.#outcomes?.filter((outcome) => !outcome.ok) ?? [];
    if (failures.length > 0) throw new DispatchError(this.#event.type, failures, receipt);
    return receipt;
  }
}
