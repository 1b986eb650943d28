/** A bounded number of things at once. */
export class Gate {
  readonly #limit: number;
  #inside = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether there was room. Who was let in has to leave. */
  enter(): boolean {
    if (this.#inside >= this.#limit) return false;
    this.#inside++;
    return true;
  }

  leave(): void {
    this.#inside--;
  }
}
