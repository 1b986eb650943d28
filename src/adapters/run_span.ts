import type { Spans, TelemetrySpan } from "../core/telemetry.ts";
import { deferred } from "./async.ts";
import type { AgentHooks, Within } from "./options.ts";
import type { RunResult } from "./results.ts";

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
