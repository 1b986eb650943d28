import {
  type Attempt,
  type DeliveryTarget,
  type HookEvent,
  scheduleRetry,
} from "../../src/core/mod.ts";
import { createEventIdAt } from "../../src/internal/uuid.ts";
import { createOutboxIn } from "../../src/outbox/outbox.ts";
import type { Outbox, OutboxOptions } from "../../src/outbox/types.ts";
import { memoryStore } from "../../src/testing/memory_store.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { SimProcess } from "./process.ts";
import { Simulation } from "./simulation.ts";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** How a target responds; by default, it accepts everything. */
type Respond = (event: HookEvent, attempt: number) => Partial<Attempt> | undefined;

/** An attempt as a target saw it. */
type Seen = { readonly at: number; readonly id: string; readonly target: string };

/** One outbox, or several, in virtual time, over a store in memory. */
export class Fixture {
  readonly simulation = new Simulation(1);
  readonly store = memoryStore({ now: () => this.simulation.now });
  /** Attempts, in their order. */
  readonly seen: Seen[] = [];
  /** Events that the outbox emitted in the process. */
  readonly announced: HookEvent[] = [];
  /** The targets that receive the outbox's own events. */
  ownTargets: readonly string[] = [];
  #processes = 0;

  /** A process with its outbox. */
  open(
    options: OutboxOptions = {},
  ): { outbox: Outbox; process: SimProcess; connection: { unregister(): void } } {
    const process = new SimProcess(`p${this.#processes++}`, this.simulation, 0);
    const outbox = createOutboxIn(process.clock, this.store, { logger: silentLogger, ...options });
    return { outbox, process, connection: this.connect(outbox) };
  }

  /** Gives an outbox an owner until that is unregistered. */
  connect(outbox: Outbox): { unregister(): void } {
    return outbox.connect!({
      targetsOf: () => this.ownTargets,
      announce: (event) => void this.announced.push(event),
    });
  }

  /** A target that takes 10 ms an attempt. */
  target(name: string, respond: Respond = () => undefined, rest: Partial<DeliveryTarget> = {}) {
    const target: DeliveryTarget = {
      name,
      timeout: 10_000,
      concurrency: 4,
      retry: scheduleRetry([MINUTE, 5 * MINUTE]),
      attempt: async (event, { attempt }) => {
        await this.simulation.sleep(10);
        this.seen.push({ at: this.simulation.now, id: event.id, target: name });
        const { verdict = "delivered", ...others } = respond(event, attempt) ?? {};
        return { verdict, duration: 10, ...others };
      },
      ...rest,
    };
    return target;
  }

  /** Publishes an event; its id. */
  async publish(
    outbox: Outbox,
    to: readonly string[],
    event: Partial<HookEvent> = {},
  ): Promise<string> {
    const id = createEventIdAt(this.simulation.now);
    const timestamp = new Date(this.simulation.now);
    const whole = { id, type: "tool.called", timestamp, data: {}, ...event };
    await Promise.all([outbox.publish([{ fresh: true, event: whole, to }]), this.pass(1)]);
    return id;
  }

  /** Lets time pass. */
  pass(milliseconds: number): Promise<void> {
    return this.simulation.run(this.simulation.now + milliseconds);
  }

  /** The ids that a target was sent, in their order. */
  sent(target: string): readonly string[] {
    return this.seen.filter((seen) => seen.target === target).map(({ id }) => id);
  }

  /** What is stored, but for the mark of the layout's version. */
  async left(...parts: readonly string[]): Promise<readonly (readonly (string | number)[])[]> {
    const keys = [];
    for await (const { key } of this.store.list({ prefix: ["hooks", ...parts] })) keys.push(key);
    return keys;
  }
}
