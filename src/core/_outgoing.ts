import { type Entry, passes } from "./_entry.ts";
import type { Plan } from "./_plans.ts";
import type { Reporter } from "./reporter.ts";
import { outside } from "./_waits.ts";
import { mutableCopy, snapshotOf } from "./snapshot.ts";
import type { Publication, PublishOptions } from "./delivery.ts";
import type { Receipt } from "./emitter.ts";
import type { HookEvent } from "./events.ts";
import type { RegistryOptions } from "./registry_options.ts";

/** An event for the queue, in the form in which it leaves the process. */
export type OutgoingEvent = {
  readonly sent: HookEvent;
  readonly plan: Plan;
  readonly idempotencyKey?: string | undefined;
  /** Whether its id was made for it. */
  readonly fresh: boolean;
};

/** What leaves the process: the form in which it does, and the queue that it goes to. */
export class Outgoing {
  readonly #options: RegistryOptions;
  readonly #reporter: Reporter;
  readonly #made = new WeakSet<HookEvent>();

  constructor(options: RegistryOptions, reporter: Reporter) {
    this.#options = options;
    this.#reporter = reporter;
  }

  /** Notes an event that was made here, under a new id. */
  made(event: HookEvent): HookEvent {
    if (this.#options.outbox) this.#made.add(event);
    return event;
  }

  /** Whether an event was made here and is on its way for the first time. */
  isFresh(event: HookEvent): boolean {
    return this.#made.delete(event);
  }

  /** The event as it may be stored and sent. Made only when it will be. */
  redact(event: HookEvent, plan: Plan): HookEvent {
    const { redact, outbox } = this.#options;
    if (!redact || !(outbox || plan.sends)) return event;
    const subject = `Cannot dispatch '${event.type}'`;
    const sent = redact(mutableCopy(event, subject) as never);
    if (sent?.id !== event.id || sent.type !== event.type) {
      throw new TypeError(`${subject} as 'redact' must return an event of the same id and type`);
    }
    return snapshotOf(sent, `${subject} with what 'redact' returned`);
  }

  /** Stores events and their deliveries, all of them at once; undefined when there is no queue. */
  async publish(
    parts: readonly OutgoingEvent[],
    options: PublishOptions,
  ): Promise<readonly Receipt[] | undefined> {
    const queue = this.#options.outbox;
    if (queue === undefined) {
      const keys = [options, ...parts].map(({ idempotencyKey }) => idempotencyKey ?? undefined);
      if (keys.every((key) => key === undefined)) return undefined;
      throw new TypeError(
        `Cannot dispatch '${parts[0]?.sent.type}' as 'idempotencyKey' needs an outbox: ` +
          "pass createHooks({ outbox })",
      );
    }
    const keyOf = ({ idempotencyKey: key }: OutgoingEvent) =>
      (key ?? undefined) === undefined ? {} : { idempotencyKey: key! }; // null means none
    const batch = parts.map((part): Publication => ({
      event: part.sent,
      fresh: part.fresh,
      to: this.targetsOf(part.sent, part.plan.targets),
      ...keyOf(part),
    }));
    // What the queue starts now, such as deliveries, goes on after this event.
    const receipts = await outside(() => queue.publish(batch, options));
    if (receipts.length === batch.length) return receipts;
    throw new TypeError("Cannot publish as the queue gave no receipt");
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
