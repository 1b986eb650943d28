import { processIO } from "./process_io.ts";
import { run } from "./run.ts";

/** What is used of `process`, which Deno, Bun and Node have. */
type Process = {
  readonly argv: readonly string[];
  readonly stdout: Stream;
  readonly stderr: Stream;
  exitCode?: number;
  exit(code: number): never;
};

type Stream = {
  on(event: "error", listener: (error: { readonly code?: string }) => void): void;
};

/** Runs the command with the arguments of this process, and sets its exit code. */
export async function main(): Promise<void> {
  const { process } = globalThis as unknown as { readonly process: Process };
  for (const stream of [process.stdout, process.stderr]) {
    // Whoever read it has gone, as in `hooks tail | head`: there is nobody left to tell.
    stream.on("error", ({ code }) => process.exit(code === "EPIPE" ? 0 : 1));
  }
  // Set and not exited with: what is still being written would be lost.
  process.exitCode = await run(process.argv.slice(2), processIO());
}
