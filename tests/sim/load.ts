import { createEventIdAt } from "../../src/internal/uuid.ts";
import { type DeliveryTarget, scheduleRetry } from "../../src/core/mod.ts";
import type { Store } from "../../src/store/mod.ts";
import type { Outbox } from "../../src/outbox/types.ts";
import { memoryStore } from "../../src/testing/memory_store.ts";
import type { MakeOutbox } from "./cluster.ts";
import { SimProcess } from "./process.ts";
import { Simulation } from "./simulation.ts";

/** What a load is made of. */
type LoadOptions = {
  readonly make: MakeOutbox;
  /** Processes over one store; each has every target, and as many callers. */
  readonly processes?: number;
  readonly callers?: number;
  /** How long a receiver takes and how much at once, by target. */
  readonly targets: Readonly<
    Record<string, { readonly takes: number; readonly concurrency: number }>
  >;
  /** How long the store takes for a commit, in milliseconds: one after the other, of all processes. */
  readonly commitTakes: number;
  /** How long callers emit, in milliseconds. */
  readonly milliseconds: number;
};

/** RandomPublishes who emit as fast as they are let, receivers, and a store that takes its time; in virtual time. */
export class Load {
  readonly simulation = new Simulation(1);
  readonly outboxes: Outbox[] = [];
  readonly warnings: (readonly unknown[])[] = [];
  emitted = 0;
  failed = 0;
  /** How long callers waited, in milliseconds. */
  readonly waits: number[] = [];
  /** By target: how often each event was sent. */
  readonly sent = new Map<string, Map<string, number>>();
  /** Deliveries that were attempted and whose outcome is not stored: now, and at most. */
  readonly unsettled = { now: 0, most: 0 };
  /** Events that a target that takes no time has not got: at most. */
  mostWaiting = 0;
  readonly #options: LoadOptions;
  readonly #store = memoryStore({ now: () => this.simulation.now, limits: { checks: 10 } });

  constructor(options: LoadOptions) {
    this.#options = options;
    for (const name of Object.keys(options.targets)) this.sent.set(name, new Map());
    const store = this.#slowStore();
    for (let n = 0; n < (options.processes ?? 1); n++) {
      const { clock } = new SimProcess(`p${n}`, this.simulation, 0);
      const warn = (...details: unknown[]): void => void this.warnings.push(details);
      const logger = { debug() {}, info() {}, warn, error: warn };
      const outbox = options.make(clock, store, { logger });
      for (const target of this.#targets()) outbox.register(target);
      outbox.start();
      this.outboxes.push(outbox);
    }
  }

  /** Emits for as long as it is to, then lets so many milliseconds pass. */
  async run(rest: number): Promise<this> {
    const { simulation } = this;
    const end = simulation.now + this.#options.milliseconds;
    const all = this.outboxes.flatMap((outbox) =>
      Array.from({ length: this.#options.callers ?? 64 }, () => this.#call(outbox, end))
    );
    await Promise.all([Promise.all(all), simulation.run(end + rest)]);
    return this;
  }

  /** Closes the store: it refuses whatever comes. */
  close(): void {
    this.#store.close();
  }

  /** Deliveries that were made more than once. */
  get repeated(): number {
    const counts = [...this.sent.values()].flatMap((sent) => [...sent.values()]);
    return counts.filter((count) => count > 1).length;
  }

  async #call(outbox: Outbox, end: number): Promise<void> {
    const { simulation } = this;
    const to = Object.keys(this.#options.targets);
    while (simulation.now < end) {
      const id = createEventIdAt(simulation.now);
      const event = { id, type: "tool.called", timestamp: new Date(simulation.now), data: {} };
      const start = simulation.now;
      try {
        await outbox.publish([{ fresh: true, event, to }]);
      } catch {
        this.failed++;
        continue;
      }
      this.waits.push(simulation.now - start);
      this.emitted++;
      const fast = to.filter((name) => this.#options.targets[name]!.takes <= 1);
      const waiting = fast.map((name) => this.emitted - this.sent.get(name)!.size);
      this.mostWaiting = Math.max(this.mostWaiting, ...waiting);
    }
  }

  #targets(): readonly DeliveryTarget[] {
    return Object.entries(this.#options.targets).map(([name, { takes, concurrency }]) => ({
      name,
      timeout: 10_000,
      concurrency,
      retry: scheduleRetry([60_000]),
      attempt: async ({ id }) => {
        const sent = this.sent.get(name)!;
        sent.set(id, (sent.get(id) ?? 0) + 1);
        await this.simulation.sleep(takes);
        this.unsettled.most = Math.max(this.unsettled.most, ++this.unsettled.now);
        return { verdict: "delivered", duration: takes };
      },
    }));
  }

  /** One commit after the other. */
  #slowStore(): Store {
    const { simulation } = this;
    const atomic = this.#store.atomic.bind(this.#store);
    let last: Promise<unknown> = Promise.resolve();
    this.#store.atomic = () => {
      const operation = atomic();
      const commit = operation.commit.bind(operation);
      const { delete: remove } = operation;
      let settles = 0;
      operation.delete = (key) => {
        if (key[1] === "due") settles++;
        return remove.call(operation, key);
      };
      operation.commit = () => {
        const turn = last.then(async () => {
          await simulation.sleep(this.#options.commitTakes);
          const result = await commit();
          if (result.ok) this.unsettled.now -= settles;
          return result;
        });
        last = turn.catch(() => {});
        return turn;
      };
      return operation;
    };
    return this.#store;
  }
}
