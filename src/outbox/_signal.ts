/**
 * Tells all who wait that something happened. `Promise.race` over promises that live on would add a
 * reaction to each of them at every turn; here one promise, made anew each time, serves everyone.
 */
export class Signal {
  #next: Promise<void> | undefined;
  #resolve = (): void => {};

  /** Resolves the next time that it happens. */
  next(): Promise<void> {
    return this.#next ??= new Promise((resolve) => this.#resolve = resolve);
  }

  /** It happened: everyone who waits goes on. */
  notify(): void {
    this.#next = undefined;
    this.#resolve();
  }
}
