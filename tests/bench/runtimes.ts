import { output, root, runtimeModules } from "../../tools/run.ts";

/** The runtimes that are measured. */
export const RUNTIMES = ["deno", "bun", "node"] as const;

/** One of them. */
export type Runtime = (typeof RUNTIMES)[number];

/**
 * How each runs a file of JavaScript, whose path and arguments follow. Deno with our configuration,
 * which names the packages that sources import; it costs half a millisecond.
 */
const COMMANDS: Readonly<Record<Runtime, readonly [command: string, ...args: string[]]>> = {
  deno: ["deno", "run", "--quiet", "--allow-all", `--config=${root}/deno.json`, "--no-lock"],
  bun: [tool("bun")],
  node: ["node"],
};

/** The path of a command that npm installed for the tests. */
export function tool(name: string): string {
  return `${runtimeModules}/.bin/${name}`;
}

/** Runs a file of JavaScript in a fresh process; resolves to what it prints. */
export function runFile(runtime: Runtime, file: string, ...args: string[]): Promise<string> {
  const [command, ...first] = COMMANDS[runtime];
  return capture(command, [...first, file, ...args]);
}

/** The version of a runtime, undefined where it can't be run. */
export async function versionOf(runtime: Runtime): Promise<string | undefined> {
  try {
    const printed = await capture(COMMANDS[runtime][0], ["--version"]);
    return /\d+\.\d+\.\d+/.exec(printed)?.[0];
  } catch {
    return undefined; // its rows will say why
  }
}

/** Runs a command; resolves to what it prints. @throws {Error} with all that it said, when it fails */
export async function capture(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string } = {},
): Promise<string> {
  const { success, stdout, all } = await output(command, args, options);
  if (!success) throw new Error(`${command} failed: ${all.trim()}`);
  return stdout;
}
