import type { Clock } from "../internal/clock.ts";
import type { StoreWake } from "../store/mod.ts";

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
