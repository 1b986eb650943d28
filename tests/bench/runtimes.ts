import { output, root, runtimeModules } from "../../tools/run.ts";

/** The runtimes that are measured. */
export const RUNTIMES = ["deno", "bun", "node"] as const;

/** One of them. */
export type Runtime = (typeof RUNTIMES)[number];

/**
 * The command that runs a JavaScript file, followed by its path and arguments. Deno gets our configuration,
 * which maps the packages that the sources import; that costs half a millisecond.
 */
const COMMANDS: Readonly<Record<Runtime, readonly [command: string, ...args: string[]]>> = {
  deno: ["deno", "run", "--quiet", "--allow-all", `--config=${root}/deno.json`, "--no-lock"],
  bun: [tool("bun")],
  node: ["node"],
};

/** Returns the path of a command that npm installed for the tests. */
export function tool(name: string): string {
  return `${runtimeModules}/.bin/${name}`;
}

/** Runs a file of JavaScript in a fresh process; resolves to what it prints. */
export function runFile(runtime: Runtime, file: string, ...args: string[]): Promise<string> {
  const [command, ...first] = COMMANDS[runtime];
  return capture(command, [...first, file, ...args]);
}

/** Returns the version of a runtime; undefined if it can't be run. */
export async function versionOf(runtime: Runtime): Promise<string | undefined> {
  try {
    const printed = await capture(COMMANDS[runtime][0], ["--version"]);
    return /\d+\.\d+\.\d+/.exec(printed)?.[0];
  } catch {
    return undefined; // its rows report the reason
  }
}

/** Runs a command. Resolves to its output. @throws {Error} with its whole output, if it fails */
export async function capture(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string } = {},
): Promise<string> {
  const { success, stdout, all } = await output(command, args, options);
  if (!success) throw new Error(`${command} failed: ${all.trim()}`);
  return stdout;
}
