/** Something that happens again and again, and that can be waited for. */
export class Gate {
  #open: () => void = () => {};
  #opened: Promise<void>;

  /** A gate that is shut. */
  constructor() {
    this.#opened = this.#shut();
  }

  /** Resolves at the next `open()`. */
  get opened(): Promise<void> {
    return this.#opened;
  }

  /** Lets everybody go who waits now. */
  open(): void {
    this.#open();
    this.#opened = this.#shut();
  }

  #shut(): Promise<void> {
    return new Promise((resolve) => this.#open = resolve);
  }
}
