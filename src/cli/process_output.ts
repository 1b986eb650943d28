import type { CommandOutput } from "./io.ts";

/** What is used of `process.stdout` and `process.stderr`. */
export type Stream = {
  readonly fd: number;
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

  /** Calls `fail` the first time that text can't be written. What follows is tried all the same. */
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
    this.#onTheWay++;
    if (this.#broken) return void this.#writePast(text);
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

  /** A stream that failed once may be destroyed, while its disk has room, or its pipe a reader, again. */
  async #writePast(text: string): Promise<void> {
    try {
      const { writeSync } = await import("node:fs");
      writeSync(this.#stream.fd, text);
    } catch {
      // Still not: `fail` was told.
    }
    this.#end();
  }

  #end(error?: WriteFault | null): void {
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
