/**
 * The `hooks` command: serves hooks over HTTP, talks to what it serves, receives webhooks, and checks
 * configurations. `run` is the command without a process; run as a program, this module is the command.
 *
 * ```sh
 * deno run -A --unstable-kv jsr:@omniagent/hooks/cli --help
 * ```
 *
 * @module
 */
import { main } from "./main.ts";

export type * from "./io.ts";
export { main } from "./main.ts";
export { processIO } from "./process_io.ts";
export { run } from "./run.ts";

if (import.meta.main) await main();
