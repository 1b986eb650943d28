/**
 * The `hooks` command: serves hooks over HTTP, talks to hooks servers, receives webhooks and checks
 * configurations. `run` runs a command in-process; as a program, this module is the command.
 *
 * ```sh
 * deno run -A --unstable-kv jsr:@omniagent/hooks/cli --help
 * ```
 *
 * @module
 */
import { main } from "./process.ts";

export type * from "./io.ts";
export { main, processIO } from "./process.ts";
export { run } from "./run.ts";

if (import.meta.main) await main();
