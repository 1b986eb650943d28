import type { BatchEvent, BatchOptions } from "./admission.ts";
import { outside } from "./nesting.ts";
import type { DeliveryQueue, PendingPublication, Publication, PublishOptions } from "./delivery.ts";
import type { Receipt, TransactionReceipt } from "./emitter.ts";
import { type Entry, passes } from "./entry.ts";
import type { HookEvent } from "./events.ts";
import type { HandlerList, HandlerTable } from "./handler_table.ts";
import type { HookLifecycle } from "./lifecycle.ts";
import type { Recorder } from "./recorder.ts";
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

/** Events that were accepted, with receipts if there is an outbox, and `committed` in a transaction. */
export type Accepted = Partial<PendingPublication> & {
  readonly parts: readonly OutgoingEvent[];
};

/** How events are accepted: `tx` is a transaction of the caller. */
type AcceptOptions = PublishOptions & Pick<BatchOptions, "isEarly"> & {
  readonly tx?: object | undefined;
};

/** Dependencies of `Publisher`. */
type PublisherOptions = {
  readonly queue: DeliveryQueue | undefined;
  readonly redact: ((event: never) => HookEvent) | undefined;
  readonly reporter: Reporter;
  readonly recorder: Recorder;
  readonly handlers: HandlerTable;
  readonly lifecycle: HookLifecycle;
};

/** Redacts events and stores them in the outbox. */
export class Publisher {
  readonly #options: PublisherOptions;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /**
   * Accepts events: stores them and their deliveries, all or none, each in a span whose trace it gets.
   * Without an outbox there are no receipts.
   *
   * @throws {TypeError} when there is an idempotency key and no outbox, or a transaction and no outbox that
   *   has them
   */
  accept(
    batch: readonly BatchEvent[],
    { tx, isEarly = false, ...options }: AcceptOptions,
  ): Promise<Accepted> {
    const { lifecycle, handlers, recorder } = this.#options;
    return recorder.send(batch, async (events) => {
      // A hook that was registered meanwhile is opened before it receives this event, or any other.
      while (!isEarly && lifecycle.hasUnopened) await lifecycle.open();
      // The deliveries of an event are stored with it: every target has to be known by then.
      if (lifecycle.lacksTargets) await lifecycle.openTargets();
      const parts = events.map((one) => {
        const list = handlers.listFor(one.event.type);
        return { ...one, list, sent: this.#redact(one.event, list) };
      });
      const stored = tx ? await this.#publishIn(tx, parts) : await this.#publish(parts, options);
      for (const [index, { event: { type } }] of parts.entries()) {
        if (stored.receipts?.[index]?.duplicate) continue;
        recorder.count("omniagent.hooks.events", 1, { type });
      }
      return { parts, ...stored };
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

  async #publish(
    events: readonly OutgoingEvent[],
    options: PublishOptions,
  ): Promise<{ readonly receipts?: readonly Receipt[] }> {
    const { queue } = this.#options;
    if (queue === undefined) {
      const keys = [options, ...events].map(({ idempotencyKey }) => idempotencyKey ?? undefined);
      if (keys.every((key) => key === undefined)) return {};
      throw new TypeError(
        `Cannot dispatch '${events[0]?.sent.type}': 'idempotencyKey' needs an outbox. ` +
          "Pass createHooks({ outbox })",
      );
    }
    const batch = events.map((one) => this.#publicationOf(one));
    // Work that the queue starts now, such as deliveries, may outlive this event.
    const receipts = await outside(() => queue.publish(batch, options));
    if (receipts.length === batch.length) return { receipts };
    throw new TypeError("Cannot publish events: the outbox must return one receipt per event");
  }

  async #publishIn(tx: object, events: readonly OutgoingEvent[]): Promise<PendingPublication> {
    const { queue } = this.#options;
    if (queue?.publishIn === undefined) {
      throw new TypeError(
        `Cannot emit '${events[0]?.sent.type}': 'tx' needs an outbox in PostgreSQL. ` +
          "Pass createHooks({ outbox: createOutbox(new PostgresStore(client)) })",
      );
    }
    const batch = events.map((one) => this.#publicationOf(one));
    return await outside(() => queue.publishIn!(tx, batch));
  }

  #publicationOf(
    { sent, list, idempotencyKey, fresh = false, hasTimestamp = false }: OutgoingEvent,
  ): Publication {
    return {
      event: sent,
      fresh,
      ...(hasTimestamp && { hasTimestamp }),
      to: this.targetsOf(sent, list.targets),
      ...((idempotencyKey ?? undefined) !== undefined && { idempotencyKey: idempotencyKey! }),
    };
  }

  /** Returns the names of the targets that want an event. */
  targetsOf(event: HookEvent, targets: readonly Entry[]): readonly string[] {
    return targets.filter((entry) => this.#wants(entry, event)).map(({ info }) => info.name);
  }

  /** Returns whether a target wants an event. A filter that throws hasn't rejected the event, so nothing is lost. */
  #wants(entry: Entry, event: HookEvent): boolean {
    try {
      return passes(entry.accepts, event);
    } catch (error) {
      this.#options.reporter.failed(`The filter of '${entry.info.name}' failed`, error, event);
      return true;
    }
  }
}

/**
 * Returns the receipt of an event that was stored in a transaction of the caller. `finish` calls its
 * handlers, once, after the queue has seen the commit.
 */
export function transactionReceipt(
  { receipts, committed }: PendingPublication,
  finish: (receipt: Receipt) => Promise<Receipt>,
): TransactionReceipt {
  const receipt = receipts[0]!;
  let isCommitted = false;
  let done: Promise<Receipt> | undefined;
  const run = async (): Promise<Receipt> => {
    await committed();
    isCommitted = true;
    return receipt.duplicate ? receipt : await finish(receipt);
  };
  return {
    ...receipt,
    committed(): Promise<Receipt> {
      // Before the commit it fails, and can be called again.
      return done ??= run().catch((error) => {
        if (!isCommitted) done = undefined;
        throw error;
      });
    },
  };
}
