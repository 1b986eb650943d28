import { delay } from "../internal/async.ts";
import { serve } from "./http_server.ts";
import type { CommandIO, CommandOutput } from "./io.ts";
import { run } from "./run.ts";
import { openStoreAt } from "./store/open.ts";

/** The parts of `process` used here. Deno, Bun and Node all have them. */
type Process = {
  readonly argv: readonly string[];
  readonly pid: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Stream;
  readonly stderr: Stream;
  readonly stdin: AsyncIterable<Uint8Array> & { readonly isTTY?: boolean };
  on(signal: string, listener: () => void): void;
  off(signal: string, listener: () => void): void;
  kill(pid: number, signal: string): void;
  exit(code: number): never;
};

type Stream = {
  readonly fd: number;
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string, written: (error?: WriteError | null) => void): void;
  on(event: "error", listener: () => void): void;
};

type WriteError = Error & { readonly code?: string };

/** Runs the command with the arguments of this process, then exits with its exit code. */
export async function main(): Promise<void> {
  const { process } = globalThis as unknown as { readonly process: Process };
  const stderr = new ProcessOutput(process.stderr, () => {
    // A server keeps running when its log has no reader, but ends when its terminal is closed.
    if (process.stderr.isTTY) process.kill(process.pid, "SIGTERM");
  });
  let written = true;
  // A hook whose response can't be written must not pass for one with no opinion.
  const isGate = process.argv[2] === "gate";
  const stdout = new ProcessOutput(process.stdout, ({ code, message }) => {
    if (code === "EPIPE") process.exit(isGate ? 2 : 0); // the reader has what it needs, as in `hooks tail | head`
    written = false;
    stderr.write(`error: Cannot write the output: ${message}\n`);
    void stderr.flush().then(() => process.exit(isGate ? 2 : 1));
  });
  // Each write reports its own error. An `error` event without a listener would end the process.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  const code = await run(process.argv.slice(2), { ...processIO(), stdout, stderr });
  await stdout.flush();
  await stderr.flush();
  process.exit(written ? code : isGate ? 2 : 1); // don't wait for connections that are kept open
}

/** Returns the streams, files, signals and network of this process, on Deno, Bun or Node. */
export function processIO(): CommandIO {
  const { process } = globalThis as unknown as { readonly process: Process };
  return {
    stdout: new ProcessOutput(process.stdout),
    stderr: new ProcessOutput(process.stderr),
    stdin: {
      // Accessing `process.stdin` opens it, and an open stdin keeps the process alive.
      get isTerminal() {
        return process.stdin.isTTY === true;
      },
      read: () => process.stdin,
    },
    env: (name) => process.env[name],
    readFile: async (path) => await (await import("node:fs/promises")).readFile(path),
    fetch: (input, init) => fetch(input, init),
    now: () => Date.now(),
    async sleep(milliseconds, signal) {
      await delay(milliseconds, signal);
    },
    random: () => Math.random(),
    onSignal(signal, listener) {
      process.on(signal, listener);
      return () => process.off(signal, listener);
    },
    serve,
    openStore: openStoreAt,
  };
}

/** An output stream of this process that can be flushed. */
class ProcessOutput implements CommandOutput {
  readonly #stream: Stream;
  readonly #onError: (error: WriteError) => void;
  readonly #flushed: (() => void)[] = [];
  #pending = 0;
  #broken = false;

  /** Calls `onError` on the first failed write. Later writes are still tried. */
  constructor(stream: Stream, onError: (error: WriteError) => void = raise) {
    this.#stream = stream;
    this.#onError = onError;
  }

  get isTerminal(): boolean {
    return this.#stream.isTTY === true;
  }

  get columns(): number | undefined {
    return this.#stream.columns;
  }

  write(text: string): void {
    this.#pending++;
    if (this.#broken) {
      void this.#writeDirectly(text);
      return;
    }
    try {
      this.#stream.write(text, (error) => this.#end(error));
    } catch (error) { // Deno writes to files synchronously
      this.#end(error as WriteError);
    }
  }

  /** Resolves when all pending writes have ended. */
  flush(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#pending === 0) resolve();
      else this.#flushed.push(resolve);
    });
  }

  /** Writes past a stream that was destroyed by an error, in case its disk or pipe works again. */
  async #writeDirectly(text: string): Promise<void> {
    try {
      const { writeSync } = await import("node:fs");
      writeSync(this.#stream.fd, text);
    } catch {
      // `onError` was called for the first failure.
    }
    this.#end();
  }

  #end(error?: WriteError | null): void {
    this.#pending--;
    if (error && !this.#broken) {
      this.#broken = true;
      this.#onError(error);
    }
    if (this.#pending === 0) this.#flushed.splice(0).forEach((resolve) => resolve());
  }
}

function raise(error: WriteError): never {
  throw error;
}
