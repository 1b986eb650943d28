/**
 * Runs the command with a terminal that tests read. Uses only the network and files of this process.
 * @module
 */
import { type CommandIO, type CommandSignal, processIO, run } from "@omniagent/hooks/cli";

/** Options of a `Terminal`. */
export type TerminalOptions = Partial<CommandIO> & {
  readonly environment?: Readonly<Record<string, string>>;
  /** Piped input; without it, stdin is a terminal. */
  readonly input?: string | readonly Uint8Array[];
  /** Whether stdout and stderr are terminals. */
  readonly terminal?: boolean;
  readonly columns?: number;
};

/** Runs the command, records its output, and sends it signals. */
export class Terminal {
  stdout = "";
  stderr = "";
  readonly io: CommandIO;
  readonly #listeners = new Map<CommandSignal, Set<() => void>>();
  readonly #waiting = new Set<() => void>();

  constructor(options: TerminalOptions = {}) {
    const { environment = {}, input, terminal = false, columns, ...others } = options;
    const shape = { isTerminal: terminal, columns };
    this.io = {
      ...processIO(),
      stdout: { ...shape, write: (text) => (this.stdout += text, this.#wake()) },
      stderr: { ...shape, write: (text) => (this.stderr += text, this.#wake()) },
      stdin: { isTerminal: input === undefined, read: () => bytesOf(input ?? "") },
      env: (name) => environment[name],
      onSignal: (signal, listener) => {
        const listeners = this.#listeners.get(signal) ?? new Set();
        this.#listeners.set(signal, listeners.add(listener));
        return () => listeners.delete(listener);
      },
      ...others,
    };
  }

  /** Runs the command and resolves to its exit code. */
  run(...args: string[]): Promise<number> {
    return run(args, this.io);
  }

  /** Sends a signal. Returns whether there was a listener. */
  signal(name: CommandSignal): boolean {
    const listeners = [...this.#listeners.get(name) ?? []];
    for (const listener of listeners) listener();
    return listeners.length > 0;
  }

  /** Resolves to the first match in the output; rejects after ten seconds. */
  async match(pattern: RegExp): Promise<RegExpExecArray> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#wake();
    }, 10_000);
    try {
      for (;;) {
        const found = pattern.exec(this.stdout + this.stderr);
        if (found) return found;
        if (late) throw new Error(`${pattern} is not in:\n${this.stdout}${this.stderr}`);
        await new Promise<void>((resolve) => this.#waiting.add(resolve));
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

async function* bytesOf(input: string | readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  yield* typeof input === "string" ? [new TextEncoder().encode(input)] : input;
}
