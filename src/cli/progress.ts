import type { CommandIO } from "./io.ts";
import { cut } from "./style.ts";

/** How often a line is written anew, in milliseconds. */
const PACE = 100;

/** A line on a terminal that says how far long work is. Elsewhere it writes nothing. */
export class Progress {
  readonly #io: CommandIO;
  #written = -Infinity;
  #shown = false;

  /** A line on standard error. */
  constructor(io: CommandIO) {
    this.#io = io;
  }

  /** Writes the line anew, unless that was a moment ago. */
  show(text: string): void {
    const { stderr } = this.#io;
    const now = this.#io.now();
    if (!stderr.isTerminal || now - this.#written < PACE) return;
    stderr.write(`\r\x1b[K${cut(text, stderr.columns)}`);
    this.#written = now;
    this.#shown = true;
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#shown) this.#io.stderr.write("\r\x1b[K");
    this.#shown = false;
  }
}
