import type { AllowedCall } from "./tool_call.ts";

/** How many calls wait for a run that resumes them. Beyond that, the oldest ends. */
const MAX_PAUSED = 1_000;

/** Calls that began in a run that was paused, such as by an interrupt, and that a later run repeats. */
export class PausedCalls {
  readonly #calls = new Map<string, AllowedCall>();

  /** Keeps a call open. */
  keep(key: string, call: AllowedCall): void {
    this.#calls.set(key, call);
    if (this.#calls.size <= MAX_PAUSED) return;
    const [oldest] = this.#calls.keys();
    void this.take(oldest!)?.fail(new Error("The run was not resumed"));
  }

  /** Returns the call that a run repeats; undefined if it is new. */
  take(key: string): AllowedCall | undefined {
    const call = this.#calls.get(key);
    this.#calls.delete(key);
    return call;
  }
}
