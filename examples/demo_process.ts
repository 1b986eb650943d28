/**
 * The `hooks` command as a process, and the receivers of the demo, which are such processes.
 * @module
 */
import { fileURLToPath } from "node:url";

const COMMAND = fileURLToPath(import.meta.resolve("@omniagent/hooks/cli"));

/** It listens after this, or is ended, in milliseconds. */
const START_LIMIT = 15_000;

export type StartOptions = {
  /** Where it runs: the store of `serve` is made there. */
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Is told of each line on standard output. */
  readonly onLine?: (line: string) => void;
};

/** `hooks serve` or `hooks listen`, on a port that is free. */
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
      eachLine(stderr, (line) => this.#say(line)),
    ]);
    const slow = setTimeout(() => this.end("SIGKILL"), START_LIMIT);
    // Whoever asks for the URL hears of a failure.
    this.#url.promise.catch(() => {}).finally(() => clearTimeout(slow));
    this.#read.then(() => {
      const words = [args[0], this.#stderr.trim()].join(": ");
      this.#url.reject(new Error(`hooks ${words}`));
    });
  }

  /** Where it listens, once it does; rejects with what it said when it ends before. */
  get url(): Promise<string> {
    return this.#url.promise;
  }

  /** Sends a signal, and waits until it has ended and all that it printed was read. */
  async end(signal: Deno.Signal): Promise<Deno.CommandStatus> {
    try {
      this.#child.kill(signal);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended by itself
    }
    await this.#read;
    return await this.#child.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
  }

  #say(line: string): void {
    this.#stderr += `${line}\n`;
    const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(line) ?? [];
    if (url !== undefined) this.#url.resolve(url); // the first is its own
  }
}

async function eachLine(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  tell: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) tell(line);
  }
}
