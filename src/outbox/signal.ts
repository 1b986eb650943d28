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
