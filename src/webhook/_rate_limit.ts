const MINUTE = 60_000;
/** Times that are remembered: of higher rates, a shorter window. */
const MOST_TIMES = 1000;

/** At most so many requests in any minute. */
export class RateLimit {
  readonly #count: number;
  readonly #window: number;
  readonly #times: number[] = [];

  /** A limit of a positive number of requests a minute; Infinity: none. */
  constructor(rate: number) {
    this.#count = Math.min(rate, MOST_TIMES);
    this.#window = rate === Infinity ? 0 : MINUTE * this.#count / rate;
  }

  /** 0 if a request may be sent now, which counts; else how long to wait, in milliseconds. */
  take(now: number): number {
    if (this.#window === 0) return 0;
    const oldest = this.#times[0] ?? -Infinity;
    const wait = this.#times.length < this.#count ? 0 : oldest + this.#window - now;
    // A clock that was set back must not stop everything.
    if (wait > 0) return Math.ceil(Math.min(wait, this.#window));
    this.#times.push(now);
    if (this.#times.length > this.#count) this.#times.shift();
    return 0;
  }
}
