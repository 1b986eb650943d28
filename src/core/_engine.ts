import { linkSignals } from "../internal/async.ts";
import { Acceptance } from "./_acceptance.ts";
import { quote } from "../internal/validate.ts";
import type { Entry } from "./_entry.ts";
import { HookLifecycle } from "./_lifecycle.ts";
import { enterDispatch, leaveDispatch } from "./_nesting.ts";
import { Outgoing } from "./_outgoing.ts";
import { Plans } from "./_plans.ts";
import { consoleLogger, Reporter } from "./reporter.ts";
import { Run, type RunHost, runPlan } from "./_run.ts";
import { snapshotOf } from "./snapshot.ts";
import { Stores } from "./_stores.ts";
import { Background, InFlight } from "./_under_way.ts";
import { inside, isInside, outside, refuseToWait } from "./_waits.ts";
import { createEvent } from "./create_event.ts";
import { checkEmitOptions, type EmitOptions, type Receipt } from "./emitter.ts";
import { DispatchError, EmitDepthError, HooksClosedError } from "./errors.ts";
import type { HookEvent } from "./events.ts";
import type { HandlerContext } from "./hook.ts";
import type { RegistryOptions } from "./registry_options.ts";

/** Events that cause events: the longest chain. */
const MAX_DEPTH = 16;

/** The types of the events that caused one another, the first event first. */
type Chain = readonly string[];

/**
 * What becomes of an event, from its acceptance to its receipt. The registry decides who hears it.
 *
 * Typed for `AgentEvents` whatever the registry's events are: inside, an event is an event.
 */
export class Engine {
  readonly plans: Plans;
  readonly lifecycle: HookLifecycle;
  readonly #options: RegistryOptions;
  readonly #reporter: Reporter;
  readonly #background: Background;
  readonly outgoing: Outgoing;
  readonly acceptance: Acceptance;
  readonly stores: Stores;
  readonly #inFlight = new InFlight();
  readonly host: RunHost;
  /** Whether an event is handed to handlers without more ado. */
  readonly #plain: boolean;

  constructor(options: RegistryOptions) {
    const { logger = consoleLogger, maxConcurrent = 100, maxPending = 10_000 } = options;
    const { overflow = "reject", closeTimeout = 30_000, outbox: queue } = options;
    this.#options = { ...options, logger };
    this.#plain = !options.schemas && !queue && !options.redact;
    this.#reporter = new Reporter(logger, options.onError, options.onDrop);
    this.outgoing = new Outgoing(options, this.#reporter);
    this.#background = new Background({ maxConcurrent, maxPending, overflow }, this.#reporter);
    const drained = (): Promise<void> => this.#drained();
    const reporter = this.#reporter;
    this.lifecycle = new HookLifecycle({ logger, queue, reporter, closeTimeout, drained });
    this.host = { reporter, inFlight: this.#inFlight, lifecycle: this.lifecycle };
    this.plans = new Plans((entry, type) =>
      this.contextFor(entry, [type], this.lifecycle.abandoned.signal)
    );
    this.stores = new Stores(this.plans, options.store);
    this.acceptance = new Acceptance(this.lifecycle, options.schemas);
    this.lifecycle.connection = queue?.connect?.({
      logger,
      targetsOf: (event) => this.outgoing.targetsOf(event, this.plans.for(event.type)!.targets),
      announce: (event) => this.#announce(event),
    });
  }

  /** Takes a new registration. */
  add(entry: Entry): void {
    this.stores.give(entry);
    this.plans.add(entry);
    if (entry.hasLifecycle) this.lifecycle.add(entry);
  }

  /** A durable hook is to be called by its queue. @throws {HooksClosedError} */
  async enter(entry: Entry): Promise<void> {
    await this.lifecycle.open();
    if (!entry.active || this.lifecycle.over) {
      throw new HooksClosedError(`Cannot call '${entry.info.name}'`);
    }
  }

  /** Runs what `close` and `unregister` are to wait for. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const epoch = this.#inFlight.enter();
    try {
      return await inside(this.lifecycle, "dispatch", work);
    } finally {
      epoch.leave();
    }
  }

  /** Lets go of a registration. */
  delete(entry: Entry): void {
    this.plans.delete(entry);
    if (!entry.hasLifecycle) return;
    // In a microtask, what is being dispatched right now is known to be in flight.
    const ended = Promise.resolve().then(() => this.#inFlight.settled());
    this.lifecycle.retire(entry, ended);
  }

  /** Dispatches an event that exists. `chain` ends with it, and begins with what caused it. */
  dispatch(
    event: HookEvent,
    options?: EmitOptions,
    chain?: Chain,
    admitted = false,
  ): Promise<Receipt> {
    try {
      enterDispatch(this.lifecycle, event?.type);
      try {
        return this.#accept(snapshotOf(event, "Cannot dispatch"), options, chain, admitted);
      } finally {
        leaveDispatch();
      }
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The same for a snapshot: nothing that others can change is looked at any more. */
  #accept(
    event: HookEvent,
    options: EmitOptions | undefined,
    chain: Chain | undefined,
    admitted: boolean,
  ): Promise<Receipt> {
    const special = chain ?? options?.signal ?? options?.idempotencyKey;
    const open = this.lifecycle.ready && this.acceptance.entering === 0;
    if (special === undefined && this.#plain && open) {
      return runPlan(this.plans.for(event.type)!, event, this.host);
    }
    const path = chain ?? [event.type];
    const dispatch = () => this.#dispatch(event, options ?? {}, path, admitted);
    if (this.#plain && open) return dispatch();
    const done = inside(this.lifecycle, "dispatch", dispatch, event.type);
    if (open || !isInside(this.lifecycle, "init")) return done;
    const subject = `Cannot dispatch '${event.type}'`;
    done.catch((error) => this.#reporter.failed(subject, error, event));
    return refuseToWait(`${subject} and wait for it`, "dispatch");
  }

  /** The same in the background. Never throws. */
  dispatchAsync(event: HookEvent, options: EmitOptions = {}, chain?: Chain): void {
    const subject = `Cannot dispatch ${quote(event?.type)}`;
    this.#reporter.guarded(subject, event, () => {
      checkEmitOptions("dispatch", event?.type, options);
      const accepted = snapshotOf(event, subject);
      this.lifecycle.admit(subject, chain !== undefined);
      const { signal: _, ...others } = options; // the caller's signal ends no event of its own life
      // What is accepted here runs, though `close` may have begun by then.
      const run = (): Promise<Receipt> => this.dispatch(accepted, others, chain, true);
      const done = this.#background.submit(
        accepted,
        () => inside(this.lifecycle, "background", run),
      );
      const waitUntil = options.waitUntil ?? this.#options.waitUntil;
      if (waitUntil === undefined) return;
      this.#reporter.guarded("'waitUntil' failed", accepted, () => outside(() => waitUntil(done)));
    });
  }

  /** Emits in the background. Never throws. */
  emitAsync(type: string, data: unknown, options?: EmitOptions, chain?: Chain): void {
    this.#reporter.guarded(`Cannot emit ${quote(type)}`, undefined, () => {
      if (options !== undefined) checkEmitOptions("emit", type, options);
      enterDispatch(this.lifecycle, type);
      try {
        const event = this.outgoing.made(createEvent(type, data, options?.sessionId));
        this.dispatchAsync(event, options, chain && extend(chain, type));
      } finally {
        leaveDispatch();
      }
    });
  }

  /** Emits; a chain is that of the event which causes this one. */
  emit(type: string, data: unknown, options?: EmitOptions, chain?: Chain): Promise<Receipt> {
    try {
      if (options !== undefined) checkEmitOptions("emit", type, options);
      enterDispatch(this.lifecycle, type);
      try {
        const event = this.outgoing.made(createEvent(type, data, options?.sessionId));
        return this.#accept(event, options, chain && extend(chain, type), false);
      } finally {
        leaveDispatch();
      }
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Resolves when no event of the async form runs or waits. */
  drain(): Promise<void> {
    if (!this.#background.busy) return Promise.resolve();
    if (isInside(this.lifecycle, "background")) return refuseToWait("Cannot wait for", "drain");
    if (isInside(this.lifecycle, "init") && !this.lifecycle.ready) {
      return refuseToWait("Cannot wait for events", "dispatch");
    }
    return this.#background.drain();
  }

  /** Opens every hook. */
  init(): Promise<void> {
    const subject = "Cannot open hooks";
    try {
      this.lifecycle.admit(subject, false);
    } catch (error) {
      return Promise.reject(error);
    }
    const opened = this.lifecycle.open();
    if (!isInside(this.lifecycle, "init")) return opened;
    opened.catch(() => {}); // whoever else waits for it is told
    return refuseToWait(`${subject} and wait for it`, "init");
  }

  /** Closes every hook; `ended` is called when nothing more happens. */
  close(ended: () => void): Promise<void> {
    const { lifecycle } = this;
    const waits = !lifecycle.over || isInside(lifecycle, "close");
    const closed = lifecycle.close().finally(ended);
    if (!waits || !isInside(lifecycle, "dispatch", "background", "init", "close")) return closed;
    closed.catch((error) => this.#reporter.failed("Cannot close the hooks", error));
    return refuseToWait("Cannot wait for", "close");
  }

  /** What a handler is given. */
  contextFor(
    entry: Entry,
    chain: Chain,
    signal: AbortSignal,
    attempt = 1,
  ): HandlerContext {
    return Object.freeze({
      signal,
      logger: this.#options.logger!,
      attempt,
      ...(entry.store ? { store: entry.store } : {}),
      emit: (type: string, data: unknown, options?: EmitOptions) =>
        this.emit(type, data, options, chain),
      emitAsync: (type: string, data: unknown, options?: EmitOptions) =>
        this.emitAsync(type, data, options, chain),
    });
  }

  async #dispatch(
    event: HookEvent,
    options: EmitOptions,
    chain: Chain,
    admitted: boolean,
  ): Promise<Receipt> {
    const { signal, idempotencyKey } = options;
    const epoch = this.#inFlight.enter();
    let caller: ReturnType<typeof linkSignals> | undefined;
    try {
      await this.acceptance.enter(event, signal, admitted || chain.length > 1);
      caller = signal && linkSignals(signal, this.lifecycle.abandoned.signal);
      // Registered since: opened before it hears this event, or any other.
      while (this.lifecycle.hasWaiting) await this.lifecycle.open();
      const plan = this.plans.for(event.type)!; // it is an event
      const sent = this.outgoing.redact(event, plan);
      const part = { idempotencyKey, sent, plan, fresh: this.outgoing.isFresh(event) };
      const [stored] = await this.outgoing.publish([part], { signal }) ?? [];
      if (stored?.duplicate) return stored;
      const ending = caller?.signal ?? this.lifecycle.abandoned.signal;
      const run = new Run(plan, event, this.host, {
        deliveries: stored?.deliveries ?? 0,
        sent,
        signal: ending,
        contextFor: (entry) => this.contextFor(entry, chain, ending),
      });
      return await run.go(0);
    } finally {
      epoch.leave();
      caller?.release();
    }
  }

  /** Lets handlers hear what the queue has stored by itself. */
  #announce(event: HookEvent): void {
    const subject = `Cannot announce ${quote(event?.type)}`;
    this.#reporter.guarded(subject, event, () => {
      const announced = snapshotOf(event, subject);
      const plan = this.plans.for(announced.type)!; // it is an event
      if (plan.calls.length === 0 || this.lifecycle.over) return;
      return this.run(async () => {
        try {
          await this.lifecycle.open();
          await new Run(plan, announced, this.host).go(0);
        } catch (error) {
          if (!(error instanceof DispatchError)) this.#reporter.failed(subject, error, announced);
        }
      });
    });
  }

  async #drained(): Promise<void> {
    do {
      await this.#background.drain();
      await this.#inFlight.settled();
    } while (this.#background.busy || this.#inFlight.busy);
  }
}

/** The chain with one more event. @throws {EmitDepthError} */
function extend(chain: Chain, type: string): Chain {
  const longer = [...chain, type];
  if (longer.length > MAX_DEPTH) throw new EmitDepthError(longer);
  return longer;
}
