import { processIO } from "./process_io.ts";
import { run } from "./run.ts";

/** What is used of `process`, which Deno, Bun and Node have. */
type Process = {
  readonly argv: readonly string[];
  readonly stdout: Stream;
  readonly stderr: Stream;
  exit(code: number): never;
};

type Stream = {
  write(text: string, written: () => void): void;
  on(event: "error", listener: (error: { readonly code?: string }) => void): void;
};

/** Runs the command with the arguments of this process, and ends the process with its exit code. */
export async function main(): Promise<void> {
  const { process } = globalThis as unknown as { readonly process: Process };
  for (const stream of [process.stdout, process.stderr]) {
    // Whoever read it has gone, as in `hooks tail | head`: there is nobody left to tell.
    stream.on("error", ({ code }) => process.exit(code === "EPIPE" ? 0 : 1));
  }
  const code = await run(process.argv.slice(2), processIO());
  // What was written has to arrive, where writing does not wait for that.
  const streams = [process.stdout, process.stderr];
  await Promise.all(streams.map((stream) => new Promise<void>((done) => stream.write("", done))));
  process.exit(code); // a connection that somebody holds open keeps nobody here
}
