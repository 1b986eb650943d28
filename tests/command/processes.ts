/**
 * The command as processes: from source on Deno, from the packed package on Bun and Node.
 * @module
 */
import { hasRuntimes, installPacked } from "../../tools/packed.ts";
import { build, root, runtimeModules } from "../../tools/run.ts";

/** How a runtime starts the command. */
export type Runtime = {
  readonly name: "deno" | "bun" | "node";
  readonly program: string;
  readonly args: readonly string[];
};

/** Longer than any command here takes, in milliseconds. */
const LIMIT = 60_000;

/** From source. */
export const source: Runtime = {
  name: "deno",
  program: Deno.execPath(),
  args: ["run", "-A", `--config=${root}/deno.json`, "--frozen", `${root}/src/cli/mod.ts`],
};

/** Returns the installed runtimes. Bun and Node need `npm ci` in tests/runtime. */
export async function runtimes(): Promise<readonly Runtime[]> {
  if (!await hasRuntimes("the command on Bun and Node")) return [source];
  const bin = `${await installed()}/bin/hooks.js`;
  return [
    source,
    { name: "bun", program: `${runtimeModules}/.bin/bun`, args: [bin] },
    { name: "node", program: "node", args: [bin] },
  ];
}

/** Installs the packed package in its own folder, with its dependencies. */
async function installed(): Promise<string> {
  const folder = `${build}/command`;
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  return await installPacked(folder);
}

/** Options of a command. */
type StartOptions = {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
};

/** A running command. */
export class CommandProcess {
  stdout = "";
  stderr = "";
  /** Its exit code, and how long it took from the last signal, in milliseconds. */
  readonly ended: Promise<{ readonly code: number; readonly took: number }>;
  readonly #child: Deno.ChildProcess;
  readonly #waiting = new Set<() => void>();
  #signalled = performance.now();

  constructor(runtime: Runtime, args: readonly string[], { cwd, env = {}, input }: StartOptions) {
    this.#child = new Deno.Command(runtime.program, {
      args: [...runtime.args, ...args],
      cwd,
      env: { ...env, NO_COLOR: "1" },
      stdin: input === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.ended = this.#follow(input);
  }

  /** Sends a signal. */
  signal(name: Deno.Signal): void {
    this.#signalled = performance.now();
    this.#child.kill(name);
  }

  /** Resolves to the first match in the output; rejects if the command ends without one. */
  async match(pattern: RegExp): Promise<RegExpExecArray> {
    return await this.#until(`${pattern}`, (text) => pattern.exec(text) ?? undefined);
  }

  /** Resolves when a text was printed n times. */
  async times(count: number, text: string): Promise<void> {
    const enough = (all: string) => all.split(text).length > count ? true : undefined;
    await this.#until(`${count} times '${text}'`, enough);
  }

  /** Kills it. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has already ended.
    }
    await this.ended;
  }

  async #until<Value>(what: string, find: (text: string) => Value | undefined): Promise<Value> {
    let over = false;
    this.ended.then(() => {
      over = true;
      this.#wake();
    });
    for (;;) {
      const found = find(this.stdout + this.stderr);
      if (found !== undefined) return found;
      if (over) throw new Error(`${what} is not in:\n${this.stdout}${this.stderr}`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  async #follow(input: string | undefined): Promise<{ code: number; took: number }> {
    const killer = setTimeout(() => this.#child.kill("SIGKILL"), LIMIT);
    const [{ code }] = await Promise.all([
      this.#child.status,
      this.#read(this.#child.stdout, (text) => this.stdout += text),
      this.#read(this.#child.stderr, (text) => this.stderr += text),
      input === undefined ? undefined : this.#write(input),
    ]);
    clearTimeout(killer);
    return { code, took: performance.now() - this.#signalled };
  }

  async #read(stream: ReadableStream<Uint8Array>, add: (text: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      add(decoder.decode(bytes, { stream: true }));
      this.#wake();
    }
  }

  async #write(input: string): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input));
    await writer.close();
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
