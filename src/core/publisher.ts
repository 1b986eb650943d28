import { outside } from "./nesting.ts";
import type { DeliveryQueue, Publication, PublishOptions } from "./delivery.ts";
import type { Receipt } from "./emitter.ts";
import { type Entry, passes } from "./entry.ts";
import type { HookEvent } from "./events.ts";
import type { HandlerList, HandlerTable } from "./handler_table.ts";
import type { Reporter } from "./reporter.ts";
import { mutableCopy, snapshotOf } from "./snapshot.ts";

/** An accepted event, its handlers and targets, and the form in which it leaves the process. */
export type OutgoingEvent = {
  readonly event: HookEvent;
  readonly sent: HookEvent;
  readonly list: HandlerList;
  readonly idempotencyKey?: string | null | undefined;
  /** Whether its id was created for it, so that it can't be stored yet. */
  readonly fresh?: boolean | undefined;
  /** Whether its sender set the timestamp. */
  readonly hasTimestamp?: boolean | undefined;
};

/** Options of a publisher. */
export type PublisherOptions = {
  readonly queue: DeliveryQueue | undefined;
  readonly redact: ((event: never) => HookEvent) | undefined;
  readonly reporter: Reporter;
};

/** Redacts events and stores them in the outbox. */
export class Publisher {
  readonly #options: PublisherOptions;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Adds to accepted events their handlers, and the form in which they are stored and sent. */
  prepare<Accepted extends { readonly event: HookEvent }>(
    events: readonly Accepted[],
    handlers: HandlerTable,
  ): readonly (Accepted & OutgoingEvent)[] {
    return events.map((one) => {
      const list = handlers.listFor(one.event.type);
      return { ...one, list, sent: this.#redact(one.event, list) };
    });
  }

  /** Returns the event to store and send. `redact` is called only if it will be stored or sent. */
  #redact(event: HookEvent, list: HandlerList): HookEvent {
    const { queue } = this.#options;
    return queue || list.hasSenders ? this.redact(event) : event;
  }

  /** Returns the event as `redact` returns it. */
  redact(event: HookEvent): HookEvent {
    const { redact } = this.#options;
    if (!redact) return event;
    const subject = `Cannot dispatch '${event.type}'`;
    const sent = redact(mutableCopy(event, subject) as never);
    if (sent?.id !== event.id || sent.type !== event.type) {
      throw new TypeError(`${subject}: 'redact' must return an event of the same id and type`);
    }
    return snapshotOf(sent, `${subject}: 'redact' returned an invalid event`);
  }

  /**
   * Stores events and their deliveries, all or none. Resolves to undefined without an outbox.
   *
   * @throws {TypeError} when there is an idempotency key and no outbox
   */
  async publish(
    events: readonly OutgoingEvent[],
    options: PublishOptions,
  ): Promise<readonly Receipt[] | undefined> {
    const { queue } = this.#options;
    if (queue === undefined) {
      const keys = [options, ...events].map(({ idempotencyKey }) => idempotencyKey ?? undefined);
      if (keys.every((key) => key === undefined)) return undefined;
      throw new TypeError(
        `Cannot dispatch '${events[0]?.sent.type}': 'idempotencyKey' needs an outbox. ` +
          "Pass createHooks({ outbox })",
      );
    }
    const batch = events.map((
      { sent, list, idempotencyKey, fresh = false, hasTimestamp = false },
    ): Publication => ({
      event: sent,
      fresh,
      ...(hasTimestamp && { hasTimestamp }),
      to: this.targetsOf(sent, list.targets),
      ...((idempotencyKey ?? undefined) !== undefined && { idempotencyKey: idempotencyKey! }),
    }));
    // What the queue starts now, such as deliveries, may outlive this event.
    const receipts = await outside(() => queue.publish(batch, options));
    if (receipts.length === batch.length) return receipts;
    throw new TypeError("Cannot publish events: the outbox must return one receipt per event");
  }

  /** Returns the names of the targets that want an event. */
  targetsOf(event: HookEvent, targets: readonly Entry[]): readonly string[] {
    return targets.filter((entry) => this.#wants(entry, event)).map(({ info }) => info.name);
  }

  /** Whether a target wants an event. A filter that throws hasn't rejected it, so that nothing is lost. */
  #wants(entry: Entry, event: HookEvent): boolean {
    try {
      return passes(entry.accepts, event);
    } catch (error) {
      this.#options.reporter.failed(`The filter of '${entry.info.name}' failed`, error, event);
      return true;
    }
  }
}
