/** Counts what runs, and tells when everything that runs now has ended, whatever begins later. */
export class InFlight {
  #epoch = new Epoch();
  #before: Promise<unknown> = Promise.resolve();

  /** Something begins; the epoch is to be left when it ends. */
  enter(): Epoch {
    this.#epoch.running++;
    return this.#epoch;
  }

  /** Whether something runs that began after the last `settled`. */
  get busy(): boolean {
    return this.#epoch.running > 0;
  }

  /** Resolves when all that has begun so far has ended. */
  settled(): Promise<unknown> {
    if (this.#epoch.running > 0) {
      this.#before = Promise.all([this.#before, this.#epoch.over()]);
      this.#epoch = new Epoch();
    }
    return this.#before;
  }
}

/** A span of time, and what began in it. */
export class Epoch {
  running = 0;
  #over: (() => void) | undefined;

  /** Something that began here has ended. */
  leave(): void {
    if (--this.running === 0) this.#over?.();
  }

  /** Resolves when nothing that began here runs. */
  over(): Promise<void> {
    return new Promise((resolve) => this.#over = resolve);
  }
}
