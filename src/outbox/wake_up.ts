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
