import { checkRetry, LEASE, MAX_CONCURRENCY, readCount, readDuration } from "../core/kit.ts";
import type { DeliveryTarget, Registration } from "../core/mod.ts";

/** Targets of an outbox: the mutations of a commit must hold one event for all of them. */
const MAX_TARGETS = 256;

/** Of these, ordered ones: an event checks the lane of each. */
const MAX_ORDERED = 8;

/** A target, and how many of its slots are taken by this process. */
export type Slot = { readonly target: DeliveryTarget; taken: number };

/** The targets that this process can deliver to. */
export class Targets {
  readonly #targets = new Map<string, Slot>();
  readonly #retention: number;

  constructor(retention: number) {
    this.#retention = retention;
  }

  /** @throws {TypeError | RangeError} when it can't be delivered to */
  register(target: DeliveryTarget): Registration {
    const { name, retry, ordering } = target;
    const subject = `Cannot register '${name}' with the outbox`;
    readDuration(subject, "timeout", target.timeout, LEASE);
    readCount(subject, "concurrency", target.concurrency, { max: MAX_CONCURRENCY });
    checkRetry(subject, retry);
    if (this.#targets.has(name)) throw new TypeError(`${subject} as the name is taken`);
    if (this.#targets.size >= MAX_TARGETS) {
      throw new RangeError(
        `${subject} as it has ${MAX_TARGETS} targets, the most that it can have`,
      );
    }
    const ordered = [...this.#targets.values()].filter(({ target }) => target.ordering);
    if (ordering !== undefined && ordered.length >= MAX_ORDERED) {
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
    const slot: Slot = { target, taken: 0 };
    this.#targets.set(name, slot);
    const unregister = (): void => {
      if (this.#targets.get(name) === slot) this.#targets.delete(name);
    };
    return { unregister, [Symbol.dispose]: unregister };
  }

  get(name: string): Slot | undefined {
    return this.#targets.get(name);
  }

  get names(): readonly string[] {
    return [...this.#targets.keys()];
  }

  /** How many more attempts a target takes now. */
  free(name: string): number {
    const slot = this.#targets.get(name);
    return slot ? Math.max(0, slot.target.concurrency - slot.taken) : 0;
  }
}
