/**
 * Runs the `hooks` command as a process.
 * @module
 */
import { fileURLToPath } from "node:url";

const COMMAND = fileURLToPath(import.meta.resolve("@omniagent/hooks/cli"));

/** Kills the process if it doesn't listen by then, in milliseconds. */
const START_LIMIT = 15_000;

export type StartOptions = {
  /** The working directory, where `serve` creates its store. */
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Called for each line on standard output. */
  readonly onLine?: (line: string) => void;
};

/** A running `hooks serve` or `hooks listen`, on a free port. */
export class HooksProcess {
  readonly #child: Deno.ChildProcess;
  readonly #read: Promise<unknown>;
  readonly #url = Promise.withResolvers<string>();
  #stderr = "";

  constructor(args: readonly string[], { cwd, env = {}, onLine = () => {} }: StartOptions) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", COMMAND, ...args],
      cwd,
      env: { ...env, NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const { stdout, stderr } = this.#child;
    this.#read = Promise.all([
      eachLine(stdout, onLine),
      eachLine(stderr, (line) => this.#readStderr(line)),
    ]);
    const slow = setTimeout(() => this.end("SIGKILL"), START_LIMIT);
    // Failures are reported to callers of `url`.
    this.#url.promise.catch(() => {}).finally(() => clearTimeout(slow));
    this.#read.then(() => {
      const words = [args[0], this.#stderr.trim()].join(": ");
      this.#url.reject(new Error(`hooks ${words}`));
    });
  }

  /** Resolves to its URL once it listens; rejects with its stderr if it exits first. */
  get url(): Promise<string> {
    return this.#url.promise;
  }

  /** Sends a signal, waits for the process to exit, and reads the rest of its output. */
  async end(signal: Deno.Signal): Promise<Deno.CommandStatus> {
    try {
      this.#child.kill(signal);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it already exited
    }
    await this.#read;
    return await this.#child.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
  }

  #readStderr(line: string): void {
    this.#stderr += `${line}\n`;
    const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(line) ?? [];
    if (url !== undefined) this.#url.resolve(url);
  }
}

async function eachLine(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  onLine: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) onLine(line);
  }
}
