import { processIO } from "./process_io.ts";
import { ProcessOutput, type Stream } from "./process_output.ts";
import { run } from "./run.ts";

/** What is used of `process`, which Deno, Bun and Node have. */
type Process = {
  readonly argv: readonly string[];
  readonly pid: number;
  readonly stdout: Stream & Failing;
  readonly stderr: Stream & Failing;
  kill(pid: number, signal: string): void;
  exit(code: number): never;
};

type Failing = { on(event: "error", listener: () => void): void };

/** Runs the command with the arguments of this process, and ends the process with its exit code. */
export async function main(): Promise<void> {
  const { process } = globalThis as unknown as { readonly process: Process };
  const stderr = new ProcessOutput(process.stderr, () => {
    // That nobody reads its log ends no server, but that its terminal was closed does.
    if (process.stderr.isTTY) process.kill(process.pid, "SIGTERM");
  });
  let written = true;
  const stdout = new ProcessOutput(process.stdout, ({ code, message }) => {
    if (code === "EPIPE") process.exit(0); // as in `hooks tail | head`: there is nobody left to tell
    written = false;
    stderr.write(`error: Cannot write the output: ${message}\n`);
    void stderr.flush().then(() => process.exit(1));
  });
  // Each write tells of its own fault; an event without a listener would end the process.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  const code = await run(process.argv.slice(2), { ...processIO(), stdout, stderr });
  await stdout.flush();
  await stderr.flush();
  process.exit(written ? code : 1); // a connection that somebody holds open keeps nobody here
}
