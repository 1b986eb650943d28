import type { Clock } from "../../internal/clock.ts";
import { GateTimeout } from "./decision_timer.ts";

/**
 * How much longer than its timeout a decision may take, in milliseconds: gates that use up the timeout leave this
 * for a store that works to record their denial. Together with the grace of `untilAborted`, it is a second.
 */
const MARGIN = 750;

/** The time of a decision that is recorded. It ends even if the store doesn't respond. */
export class RecordTime {
  readonly #clock: Clock;
  readonly #timeout: number;
  readonly #over = new AbortController();
  #cancel: (() => void) | undefined;

  /** `timeout` is that of a decision, in milliseconds. */
  constructor({ clock, timeout }: { readonly clock: Clock; readonly timeout: number }) {
    this.#clock = clock;
    this.#timeout = timeout;
  }

  /** Aborts when time is up. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** Starts from the beginning. */
  start(): void {
    this.stop();
    this.#cancel = this.#clock.setTimer(this.#timeout + MARGIN, () => {
      this.#over.abort(new GateTimeout("The decision could not be recorded in time"));
    });
  }

  /** Stops, as long as a person is asked, or at the end. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
