import type { CommandOutput } from "./io.ts";

/** What is used of `process.stdout` and `process.stderr`. */
export type Stream = {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string, written: (error?: WriteFault | null) => void): void;
};

/** Why text could not be written. */
export type WriteFault = Error & { readonly code?: string };

/** A stream of this process, which knows when all that was written has arrived. */
export class ProcessOutput implements CommandOutput {
  readonly #stream: Stream;
  readonly #fail: (error: WriteFault) => void;
  readonly #flushed: (() => void)[] = [];
  #onTheWay = 0;
  #broken = false;

  /** Calls `fail` when text can't be written, and writes nothing more then. */
  constructor(stream: Stream, fail: (error: WriteFault) => void = raise) {
    this.#stream = stream;
    this.#fail = fail;
  }

  /** Whether a person reads it. */
  get isTerminal(): boolean {
    return this.#stream.isTTY === true;
  }

  /** How many characters a line has, as long as nobody changes that. */
  get columns(): number | undefined {
    return this.#stream.columns;
  }

  /** Writes text as it is. */
  write(text: string): void {
    if (this.#broken) return;
    this.#onTheWay++;
    try {
      this.#stream.write(text, (error) => this.#end(error));
    } catch (error) { // Deno writes to files at once
      this.#end(error as WriteFault);
    }
  }

  /** Resolves when nothing is on its way any more. */
  flush(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#onTheWay === 0) resolve();
      else this.#flushed.push(resolve);
    });
  }

  #end(error: WriteFault | null | undefined): void {
    this.#onTheWay--;
    if (error && !this.#broken) {
      this.#broken = true;
      this.#fail(error);
    }
    if (this.#onTheWay === 0) this.#flushed.splice(0).forEach((resolve) => resolve());
  }
}

function raise(error: WriteFault): never {
  throw error;
}
