import { delay } from "../internal/async.ts";
import { checkStorePath } from "../stores/kv/store_path.ts";
import type { CommandInput, CommandIO } from "./io.ts";
import { ProcessOutput, type Stream } from "./process_output.ts";

/** What is used of `process`, which Deno, Bun and Node have. */
type Process = {
  readonly stdout: Stream;
  readonly stderr: Stream;
  readonly stdin: AsyncIterable<Uint8Array> & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  on(signal: string, listener: () => void): void;
  off(signal: string, listener: () => void): void;
};

/** The streams, files, signals and network of this process, on Deno, Bun or Node. */
export function processIO(): CommandIO {
  const { process } = globalThis as unknown as { readonly process: Process };
  return {
    stdout: new ProcessOutput(process.stdout),
    stderr: new ProcessOutput(process.stderr),
    stdin: inputOf(process),
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
    async serve(options, handler) {
      if ("Deno" in globalThis) {
        return (await import("./serve_deno.ts")).serveOnDeno(options, handler);
      }
      return await (await import("./serve_node.ts")).serveOnNode(options, handler);
    },
    openStore,
  };
}

function inputOf(process: Process): CommandInput {
  return {
    // Reading `stdin` opens it, and an open one keeps a process alive: only when it is asked for.
    get isTerminal() {
      return process.stdin.isTTY === true;
    },
    read: () => process.stdin,
  };
}

async function openStore(path: string): ReturnType<CommandIO["openStore"]> {
  checkStorePath(path); // before a folder is made of it
  if (path !== ":memory:" && !/^https?:/.test(path)) {
    const [{ mkdir }, { dirname }] = await Promise.all([
      import("node:fs/promises"),
      import("node:path"),
    ]);
    await mkdir(dirname(path), { recursive: true });
  }
  const { openStore } = "Deno" in globalThis
    ? await import("../stores/kv/mod.ts")
    : await import("../stores/node/mod.ts");
  return await openStore(path);
}
