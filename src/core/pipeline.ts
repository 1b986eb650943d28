import { linkSignals } from "../internal/async.ts";
import { quote } from "../internal/validate.ts";
import { Admission, type BatchEvent, type BatchOptions } from "./admission.ts";
import type { BackgroundQueue, InFlight } from "./background_queue.ts";
import {
  type Chain,
  enterDispatch,
  extendChain,
  inside,
  isInside,
  leaveDispatch,
  outside,
  rejectDeadlock,
} from "./nesting.ts";
import { callHandlers, receiptIn } from "./dispatch.ts";
import type { EmitOptions, Receipt } from "./emitter.ts";
import type { PendingPublication } from "./delivery.ts";
import { type ContextOptions, type Entry, handlerContext } from "./entry.ts";
import { DispatchError } from "./errors.ts";
import type { HookEvent } from "./events.ts";
import type { HandlerTable } from "./handler_table.ts";
import type { HandlerContext } from "./hook.ts";
import type { HookLifecycle } from "./lifecycle.ts";
import { checkEmitOptions, hasSpecial, type ResolvedOptions } from "./options.ts";
import { type Accepted, type OutgoingEvent, Publisher, transactionReceipt } from "./publisher.ts";
import type { Recorder } from "./recorder.ts";
import type { Reporter } from "./reporter.ts";
import { createEvent, snapshotOf } from "./snapshot.ts";

/** Where an event comes from. */
type Origin = {
  /** The chain that ends with this event; absent if no event caused it. */
  readonly chain?: Chain | undefined;
  /** Whether it was accepted before `close` began. */
  readonly isAdmitted?: boolean;
  /** Whether its id was created for it. */
  readonly fresh?: boolean;
};

const NEW: Origin = { fresh: true };
const EXISTING: Origin = {};

/** Options of a dispatch. */
type EventOptions = Omit<EmitOptions, "sessionId" | "runId" | "traceparent"> & {
  readonly tx?: object | undefined;
};

/** Dependencies of `Pipeline`. */
type PipelineParts = {
  readonly options: ResolvedOptions;
  readonly handlers: HandlerTable;
  readonly lifecycle: HookLifecycle;
  readonly reporter: Reporter;
  readonly background: BackgroundQueue;
  readonly inFlight: InFlight;
  readonly recorder: Recorder;
};

/**
 * The path of an event: accept it, store its deliveries, call its handlers.
 *
 * Typed for `AgentEvents`, no matter which events the registry has: in here, all events are alike.
 */
export class Pipeline {
  readonly #parts: PipelineParts;
  readonly #admission: Admission;
  readonly #publisher: Publisher;
  /** Whether events go straight to their handlers once hooks are open. */
  readonly #isPlain: boolean;

  constructor(parts: PipelineParts) {
    const { options: { outbox: queue, redact, schemas }, lifecycle } = parts;
    this.#parts = parts;
    this.#admission = new Admission(lifecycle, schemas as never);
    this.#publisher = new Publisher({ ...parts, queue, redact });
    this.#isPlain = !schemas && !queue && !redact && !parts.recorder.isTracing;
  }

  /** Creates an event and dispatches it. `cause` is the chain of the event that causes it. */
  emit(type: string, data: unknown, options?: EmitOptions, cause?: Chain): Promise<Receipt> {
    try {
      if (options !== undefined) checkEmitOptions("emit", type, options);
      enterDispatch(this.#parts.lifecycle, type);
      try {
        const event = createEvent(type, data, options);
        const origin = cause ? { chain: extendChain(cause, type), fresh: true } : NEW;
        return this.#accept(event, options, origin);
      } finally {
        leaveDispatch();
      }
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Creates an event and dispatches it in the background. Never throws. */
  emitInBackground(type: string, data: unknown, options?: EmitOptions, cause?: Chain): void {
    const { lifecycle, reporter } = this.#parts;
    reporter.guard(`Cannot emit ${quote(type)}`, undefined, () => {
      if (options !== undefined) checkEmitOptions("emitInBackground", type, options);
      enterDispatch(lifecycle, type);
      try {
        const event = createEvent(type, data, options);
        const chain = cause && extendChain(cause, type);
        this.#submit(event, options, { chain, fresh: true });
      } finally {
        leaveDispatch();
      }
    });
  }

  /** Dispatches an event. */
  dispatch(event: HookEvent, options?: EventOptions): Promise<Receipt> {
    try {
      if (options !== undefined) checkEmitOptions("dispatch", event?.type, options);
      enterDispatch(this.#parts.lifecycle, event?.type);
      try {
        return this.#accept(snapshotOf(event, "Cannot dispatch event"), options, EXISTING);
      } finally {
        leaveDispatch();
      }
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Dispatches an event in the background. Never throws. */
  dispatchInBackground(event: HookEvent, options?: EventOptions): void {
    this.#parts.reporter.guard("Cannot dispatch event", event, () => {
      if (options !== undefined) checkEmitOptions("dispatch", event?.type, options);
      this.#submit(snapshotOf(event, "Cannot dispatch event"), options, EXISTING);
    });
  }

  /** Dispatches a snapshot, which nothing else can change any more. */
  #accept(event: HookEvent, options: EventOptions | undefined, origin: Origin): Promise<Receipt> {
    if (!this.isDirect || origin.chain || hasSpecial(options)) {
      return this.#acceptSpecial(event, options ?? {}, origin);
    }
    return callHandlers(this.#parts.handlers.listFor(event.type), event);
  }

  /** Whether an event goes straight to its handlers: nothing is stored, validated, traced or opened first. */
  get isDirect(): boolean {
    return this.#isPlain && this.#admission.isOpen;
  }

  #acceptSpecial(event: HookEvent, options: EventOptions, origin: Origin): Promise<Receipt> {
    const { lifecycle, reporter } = this.#parts;
    const { isOpen } = this.#admission;
    const dispatch = (): Promise<Receipt> => this.#dispatch(event, options, origin);
    // The stack recognizes synchronous calls of handlers: enough without an outbox or schemas.
    const done = isOpen && this.#isPlain
      ? dispatch()
      : inside(lifecycle, "dispatch", dispatch, event.type);
    if (options.waitUntil) this.#keepAlive(options.waitUntil, event, done);
    if (isOpen || !isInside(lifecycle, "init")) return done;
    const subject = `Cannot dispatch '${event.type}'`;
    done.catch((error) => reporter.failed(subject, error, event));
    return rejectDeadlock(subject, "dispatch");
  }

  #submit(event: HookEvent, options: EventOptions = {}, origin: Origin): void {
    const { lifecycle, background } = this.#parts;
    lifecycle.admit(`Cannot dispatch '${event.type}'`, origin.chain !== undefined);
    const { idempotencyKey, waitUntil = this.#parts.options.waitUntil } = options;
    const run = (): Promise<Receipt> => {
      enterDispatch(lifecycle, event.type);
      try {
        // An event that is accepted here runs, even if `close` has begun by then.
        return this.#accept(event, { idempotencyKey }, { ...origin, isAdmitted: true });
      } finally {
        leaveDispatch();
      }
    };
    const done = background.submit(event, () => inside(lifecycle, "background", run));
    if (waitUntil) this.#keepAlive(waitUntil, event, done);
  }

  #keepAlive(
    waitUntil: (promise: Promise<unknown>) => void,
    event: HookEvent,
    done: Promise<unknown>,
  ): void {
    const settled = done.catch(() => {}); // its caller is rejected
    this.#parts.reporter.guard(
      "'waitUntil' failed",
      event,
      () => outside(() => waitUntil(settled)),
    );
  }

  /** Dispatches an event that needs more than its handlers. */
  async #dispatch(event: HookEvent, options: EventOptions, origin: Origin): Promise<Receipt> {
    const { inFlight } = this.#parts;
    const { signal, idempotencyKey, tx, waitUntil } = options; // the caller may change them
    const { chain = [event.type], fresh = false, isAdmitted = chain.length > 1 } = origin;
    const leave = inFlight.enter();
    try {
      await this.#admission.admit(event, signal, { isAdmitted });
      const batch = [{ event, idempotencyKey, fresh }];
      const accepted = await this.#publisher.accept(batch, { signal, tx });
      const { parts: [part], receipts: [stored] = [] } = accepted;
      if (tx) return this.#transactionReceipt(accepted, { signal, waitUntil }, chain);
      if (stored?.duplicate) return stored;
      return await this.#callHandlers(part!, stored?.deliveries ?? 0, chain, signal);
    } finally {
      leave();
    }
  }

  /** Returns the receipt of an event in a transaction of the caller, who says when its handlers run. */
  #transactionReceipt(
    { parts: [part], ...pending }: Accepted,
    { signal, waitUntil }: EventOptions,
    chain: Chain,
  ): Receipt {
    const { lifecycle, handlers } = this.#parts;
    const { event } = part!;
    return transactionReceipt(pending as PendingPublication, ({ deliveries }) => {
      lifecycle.admit(`Cannot call the handlers of '${event.type}'`, false);
      const done = this.run(async () => {
        while (lifecycle.hasUnopened) await lifecycle.open();
        const list = handlers.listFor(event.type); // as they are after the commit
        return await this.#callHandlers({ ...part!, list }, deliveries, chain, signal);
      });
      if (waitUntil) this.#keepAlive(waitUntil, event, done);
      return done;
    });
  }

  /** Dispatches several events: all are accepted and stored, or none. Then calls handlers, event by event. */
  dispatchMany(
    batch: readonly BatchEvent[],
    { idempotencyKey, onAccepted, records, isEarly: isUrgent, ...rest }: BatchOptions = {},
  ): Promise<readonly Receipt[]> {
    const isEarly = isUrgent && this.#parts.options.outbox !== undefined;
    return this.run(async () => {
      const admitted = await this.#admission.admitAll(batch, { ...rest, isEarly });
      const options = { idempotencyKey, records, isEarly };
      const { parts, receipts: stored } = await this.#publisher.accept(admitted, options);
      const accepted = stored ?? parts.map(({ event: { id } }): Receipt => {
        return { id, deliveries: 0, duplicate: false, handlers: [] };
      });
      onAccepted?.(accepted);
      if (isEarly && !this.#admission.isOpen) await this.#admission.opened();
      const receipts: Receipt[] = [];
      for (const [index, receipt] of accepted.entries()) {
        const part = parts[index]!;
        const call = () => this.#callHandlers(part, receipt.deliveries, [part.event.type]);
        receipts.push(receipt.duplicate ? receipt : await call().catch(receiptIn));
      }
      return receipts;
    });
  }

  /** Returns an event as it is stored and sent. */
  readonly redact = (event: HookEvent): HookEvent => this.#publisher.redact(event);

  /** Validates a payload. See `Admission.validate`. @throws {EventValidationError} */
  validate(event: HookEvent, timeout?: number): Promise<void> | undefined {
    return this.#admission.validate(event, timeout);
  }

  /** Passes an event that the queue stored by itself to its handlers. Never throws. */
  announce(event: HookEvent): void {
    const { lifecycle, reporter, handlers } = this.#parts;
    reporter.guard("Cannot announce event", event, () => {
      const announced = snapshotOf(event, "Cannot announce event");
      const { type } = announced;
      if (lifecycle.isAbandoned || handlers.listFor(type).calls.length === 0) return;
      return this.run(async () => {
        try {
          await lifecycle.open();
          await callHandlers(handlers.listFor(type), announced);
        } catch (error) {
          if (error instanceof DispatchError) return;
          reporter.failed(`Cannot announce '${type}'`, error, announced);
        }
      });
    });
  }

  /** Returns the names of the targets that receive an event. */
  targetsOf(event: HookEvent): readonly string[] {
    return this.#publisher.targetsOf(event, this.#parts.handlers.listFor(event.type).targets);
  }

  /** Runs something that `close` and `unregister` wait for. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const leave = this.#parts.inFlight.enter();
    try {
      return await inside(this.#parts.lifecycle, "dispatch", work);
    } finally {
      leave();
    }
  }

  /** Returns the second argument of a handler. */
  contextOf(entry: Entry, call: ContextOptions): HandlerContext {
    const { options: { logger }, recorder } = this.#parts;
    return handlerContext(entry, call, { logger, telemetry: recorder, emitter: this });
  }

  #callHandlers(
    { event, list, sent }: OutgoingEvent,
    deliveries: number,
    chain: Chain,
    ending?: AbortSignal,
  ): Promise<Receipt> {
    const { abandoned } = this.#parts.lifecycle;
    const linked = ending && linkSignals(ending, abandoned);
    const signal = linked?.signal ?? abandoned;
    const contextOf = (entry: Entry): HandlerContext => this.contextOf(entry, { chain, signal });
    const done = callHandlers(list, event, { deliveries, sent, signal, contextOf });
    return linked ? done.finally(linked.release) : done;
  }
}
