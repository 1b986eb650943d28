import {
  checkRetry,
  LEASE,
  MAX_CONCURRENCY,
  readCount,
  readDuration,
} from "../internal/options.ts";
import type { DeliveryTarget } from "../core/mod.ts";

/** Ordered targets: an event checks the lane of each, and 10 checks are all that some stores take. */
const MAX_ORDERED = 8;

/** A target, and what this process does for it. */
export type Slot = {
  readonly target: DeliveryTarget;
  /** Deliveries that are leased and not attempted to their end: each takes one of its slots. */
  attempting: number;
  /** Outcomes that wait for a commit. */
  settling: number;
  /** Deliveries that were stored here unleased, and have not been leased here since. */
  behind: number;
  /** Deliveries that were ever stored here unleased. */
  stored: number;
};

/** The targets that this process can deliver to. */
export class Targets {
  readonly #targets = new Map<string, Slot>();
  readonly #retention: number;
  #ordered = 0;

  constructor(retention: number) {
    this.#retention = retention;
  }

  /** @throws {TypeError | RangeError} when it can't be delivered to */
  register(target: DeliveryTarget): { unregister(): void } {
    const { name, retry, ordering } = target;
    const subject = `Cannot register '${name}' with the outbox`;
    readDuration(subject, "timeout", target.timeout, LEASE);
    readCount(subject, "concurrency", target.concurrency, { max: MAX_CONCURRENCY });
    checkRetry(subject, retry);
    if (this.#targets.has(name)) throw new TypeError(`${subject} as the name is taken`);
    if (ordering !== undefined && this.#ordered >= MAX_ORDERED) {
      throw new RangeError(
        `${subject} as it has ${MAX_ORDERED} targets with an 'ordering', the most that it can have`,
      );
    }
    if (2 * retry.total > this.#retention) {
      throw new RangeError(
        `${subject} as 'retention' must be at least twice its retry schedule (${retry.total} ms): ` +
          `current value is ${this.#retention}`,
      );
    }
    const slot: Slot = { target, attempting: 0, settling: 0, behind: 0, stored: 0 };
    this.#targets.set(name, slot);
    if (ordering !== undefined) this.#ordered++;
    const unregister = (): void => {
      if (this.#targets.get(name) !== slot) return;
      this.#targets.delete(name);
      if (ordering !== undefined) this.#ordered--;
    };
    return { unregister };
  }

  get(name: string): Slot | undefined {
    return this.#targets.get(name);
  }

  get names(): readonly string[] {
    return [...this.#targets.keys()];
  }

  get size(): number {
    return this.#targets.size;
  }

  get slots(): Iterable<Slot> {
    return this.#targets.values();
  }
}
