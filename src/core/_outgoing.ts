import { type Entry, passes } from "./_entry.ts";
import type { Plan } from "./_plans.ts";
import type { Reporter } from "./_reporter.ts";
import type { EmitOptions, Receipt } from "./emitter.ts";
import type { HookEvent } from "./events.ts";
import type { RegistryOptions } from "./registry_options.ts";

/** What leaves the process: the form in which it does, and the queue that it goes to. */
export class Outgoing {
  readonly #options: RegistryOptions;
  readonly #reporter: Reporter;

  constructor(options: RegistryOptions, reporter: Reporter) {
    this.#options = options;
    this.#reporter = reporter;
  }

  /** The event as it may be stored and sent. Made only when it will be. */
  redact(event: HookEvent, plan: Plan): HookEvent {
    const { redact, outbox } = this.#options;
    if (!redact || !(outbox || plan.sends)) return event;
    const sent = redact(event as never);
    if (sent?.id !== event.id || sent.type !== event.type) {
      throw new TypeError(
        `Cannot dispatch '${event.type}' as 'redact' must return an event of the same id and type`,
      );
    }
    return sent;
  }

  /** Stores the deliveries of an event, all of them at once; undefined when there is no queue. */
  async publish(
    event: HookEvent,
    targets: readonly Entry[],
    { idempotencyKey, signal }: EmitOptions,
  ): Promise<Receipt | undefined> {
    const queue = this.#options.outbox;
    if (queue === undefined) {
      if (idempotencyKey === undefined) return undefined;
      throw new TypeError(
        `Cannot dispatch '${event.type}' as 'idempotencyKey' needs an outbox: ` +
          "pass createHooks({ outbox })",
      );
    }
    const to = this.targetsOf(event, targets);
    const key = idempotencyKey === undefined ? {} : { idempotencyKey };
    const [receipt] = await queue.publish([{ event, to, ...key }], { signal });
    if (receipt === undefined) throw new TypeError("Cannot publish as the queue gave no receipt");
    return receipt;
  }

  /** The names of the targets that want an event. */
  targetsOf(event: HookEvent, targets: readonly Entry[]): readonly string[] {
    return targets.filter((entry) => this.#wants(entry, event)).map(({ info }) => info.name);
  }

  /** Whether a target wants an event. A filter that fails has not refused it: nothing is lost. */
  #wants(entry: Entry, event: HookEvent): boolean {
    try {
      return passes(entry.accepts, event);
    } catch (error) {
      this.#reporter.failed(`The filter of '${entry.info.name}' failed`, error, event);
      return true;
    }
  }
}
