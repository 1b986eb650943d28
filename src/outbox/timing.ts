import type { Clock } from "../internal/clock.ts";
import type { StoreWake } from "../store/mod.ts";

/**
 * How long one call to the store may take, in milliseconds, before it is made again. A lost response must
 * leave time for a second call within every timeout below that a caller waits for.
 */
export const CALL_TIMEOUT = 5_000;
/**
 * How long a read is retried, in milliseconds. An attempt starts only with as much left of its lease, so
 * reading its event can't use that up.
 */
export const READ_TIMEOUT = 5_000;
/** An attempt starts only while its lease has this left beyond its timeout, in milliseconds. */
export const START_MARGIN = READ_TIMEOUT;
/** A lease outlasts its attempt by this, in milliseconds: time to read, to settle, and for clocks to differ. */
export const LEASE_MARGIN = 20_000;
/** How long a claim, a target's record or a cleanup is retried, in milliseconds: the next pass does it again. */
export const BACKGROUND_TIMEOUT = 5_000;
/** How long a commit is retried that a caller waits for, in milliseconds: two calls, and less than HTTP clients wait. */
export const COMMIT_TIMEOUT = 10_000;
/** The least time for a commit when the timeout of a call is nearly over, in milliseconds: one round trip. */
export const MIN_COMMIT_TIMEOUT = 1_000;
/** How long an outcome is retried, in milliseconds. Its lease ends about then, and the delivery is attempted again. */
export const SETTLE_TIMEOUT = 30_000;
/** How long a health check waits for the store, in milliseconds: less than usual readiness probes do. */
export const PROBE_TIMEOUT = 3_000;

/**
 * How long stopping may take, in milliseconds: Deno Deploy kills an instance 5 s after its SIGINT; other
 * platforms give more.
 */
export const STOP_TIMEOUT = 4_500;

/** Resolves after a time, by a clock. */
export function sleep(clock: Clock, milliseconds: number): Promise<void> {
  return new Promise((resolve) => void clock.setTimer(milliseconds, resolve));
}

/**
 * Notifies all waiters that something happened. `Promise.race` over long-lived promises would add a
 * reaction to each of them on every call. Here, all waiters share one promise, which is replaced each
 * time.
 */
export class Signal {
  #next: Promise<void> | undefined;
  #resolve = (): void => {};

  /** Resolves at the next `notify`. */
  next(): Promise<void> {
    return this.#next ??= new Promise((resolve) => this.#resolve = resolve);
  }

  /** Resolves all waiting promises. */
  notify(): void {
    this.#next = undefined;
    this.#resolve();
  }
}

/** Tells the worker that something may be due, and the workers of other processes. */
export class WakeUp {
  readonly #others: StoreWake | undefined;
  #listener = (): void => {};

  /** `others` reaches other processes, if the store can. */
  constructor(others: StoreWake | undefined) {
    this.#others = others;
  }

  /** Sets who is called. */
  onCall(listener: () => void): void {
    this.#listener = listener;
  }

  /** Calls the worker of this process. */
  call(): void {
    this.#listener();
  }

  /** Calls the workers of other processes: something is due that this one may not take. */
  callOthers(): void {
    this.#others?.signal();
  }

  /** Calls all workers: something was stored that is due, and that no process has leased. */
  callAll(): void {
    this.call();
    this.callOthers();
  }

  /** Calls the worker when another process signals. Returns a function that ends this. */
  listen(): () => void {
    return this.#others?.listen(() => this.call()) ?? (() => {});
  }
}

/** A retry that is due within this keeps the process alive, in milliseconds. Later ones are for the next process. */
const KEEP_ALIVE_FOR = 60_000;
/** The shortest wait, in milliseconds: a due time that has passed must not make a busy loop. */
const MIN_WAIT = 10;

/**
 * Wakes the worker at the earliest known due time. Only a retry that is due soon keeps the process
 * alive. Later deliveries stay in the store, and the process that runs then delivers them.
 */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  /** The earliest known time at which something is due, and at which a retry is. */
  #next = Infinity;
  #retry = Infinity;
  /** When the timer fires, and whether it keeps the process alive. */
  #firesAt = Infinity;
  #keepsAlive = false;
  #keepers = 0;
  #cancel = (): void => {};

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Forgets the known times: a new pass begins. */
  forget(): void {
    this.#next = this.#retry = Infinity;
  }

  /** Notes a time at which something is due, perhaps a retry. */
  note(at = Infinity, retry = Infinity): void {
    this.#next = Math.min(this.#next, at);
    this.#retry = Math.min(this.#retry, retry);
  }

  /** Sets the timer for the next known time, at most this many milliseconds away. */
  set(most: number): void {
    this.#start(Math.min(most, this.#next - this.#clock.now()));
  }

  /** Sets the timer again if it fires too late for what was noted, or must keep the process alive for it. */
  hasten(): void {
    const now = this.#clock.now();
    const mustKeepAlive = this.#retry - now <= KEEP_ALIVE_FOR;
    if (this.#next < this.#firesAt || (mustKeepAlive && !this.#keepsAlive)) {
      this.#start(Math.min(this.#next, this.#firesAt) - now);
    }
  }

  /** Keeps the process alive while the timer is set. Returns a function that ends that. */
  keepAlive(): () => void {
    const change = (by: number): void => {
      this.#keepers += by;
      if (this.#firesAt !== Infinity) this.#start(this.#firesAt - this.#clock.now());
    };
    let isOn = true;
    change(1);
    return () => {
      if (isOn) change(-1);
      isOn = false;
    };
  }

  /** Cancels the timer. */
  cancel(): void {
    this.#firesAt = Infinity;
    this.#cancel();
  }

  /** Starts the timer with jitter, so that processes that started together don't poll together. */
  #start(milliseconds: number): void {
    const clock = this.#clock;
    const wait = Math.max(milliseconds, MIN_WAIT) * (1 + 0.2 * clock.random());
    this.#cancel();
    this.#firesAt = clock.now() + wait;
    this.#keepsAlive = this.#keepers > 0 || this.#retry - clock.now() <= KEEP_ALIVE_FOR;
    this.#cancel = clock.setTimer(wait, this.#ring, !this.#keepsAlive);
  }
}
