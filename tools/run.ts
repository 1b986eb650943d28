/**
 * Shared by all tools: the root of the repository, its configuration, and functions that run commands.
 * @module
 */
import config from "../deno.json" with { type: "json" };

export { config };

/** The root of the repository, as a URL that ends in a slash. */
export const rootUrl = new URL("..", import.meta.url);

/** The same as a path, without a slash at the end. */
export const root = decodeURIComponent(rootUrl.pathname).slice(0, -1);

/** Output of the tasks. Git, the formatter and publishing ignore it. */
export const build = `${root}/.build`;

/**
 * The configuration of `tests/`. It adds the packages that only tests import, so other commands don't
 * download them.
 */
export const testsConfig = `--config=${root}/tests/deno.json`;

/** Where the tools from npm live: Bun, esbuild, the TypeScript compilers. */
export const runtimeModules = `${root}/tests/runtime/node_modules`;

/** The public entries, as paths: `./mod.ts`, `./src/webhook/mod.ts`, … */
export const entries = Object.values(config.exports);

/** Runs a command and shows what it prints. */
export async function run(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string } = {},
): Promise<void> {
  const { success, code } = await spawn(command, args, options, "inherit");
  if (!success) throw new Error(`${describe(command, args)} failed with code ${code}`);
}

/** Runs a command and returns what it prints; `all` includes standard error. */
export async function output(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string } = {},
): Promise<{ readonly success: boolean; readonly stdout: string; readonly all: string }> {
  const { success, stdout, stderr } = await spawn(command, args, options, "piped");
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { success, stdout: out!, all: `${out}${error}` };
}

/** Returns the files below a folder, as sorted paths from the root. */
export async function filesBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(`${root}/${folder}`)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isFile) found.push(path);
    else if (entry.name !== "node_modules") found.push(...await filesBelow(path));
  }
  return found.sort();
}

/** Whether a file or folder exists. */
export async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** Installs the tools from npm unless they are installed. */
export async function installRuntimes(): Promise<void> {
  if (await exists(`${runtimeModules}/.bin/esbuild`)) return;
  console.error("Installing the tools of tests/runtime, once: npm ci");
  await run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: `${root}/tests/runtime`,
  });
}

/**
 * Returns a free port for a program that can't choose one itself. It is below those that systems give
 * to outgoing connections, which could take it before the program does.
 */
export function freePort(): number {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

/** Prints the usage and exits on `--help`, and with code 2 unless the arguments are valid. */
export function checkArguments(usage: string, valid: boolean): void {
  const wantsHelp = Deno.args.includes("--help");
  if (valid && !wantsHelp) return;
  (wantsHelp ? console.log : console.error)(`Usage: ${usage}`);
  Deno.exit(wantsHelp ? 0 : 2);
}

async function spawn(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string },
  stream: "inherit" | "piped",
): Promise<Deno.CommandOutput> {
  if (command.startsWith(runtimeModules) && !await exists(command)) {
    throw new Error(
      `Cannot run ${describe(command, [])}: not installed, run 'npm ci' in tests/runtime`,
    );
  }
  // `deno` is the executable that runs this, not the first one in PATH.
  const program = command === "deno" ? Deno.execPath() : command;
  const streams = { stdin: "null", stdout: stream, stderr: stream } as const;
  return await new Deno.Command(program, {
    args: [...args],
    cwd: options.cwd ?? root,
    ...streams,
  }).output();
}

function describe(command: string, args: readonly string[]): string {
  return [command, ...args].join(" ").replaceAll(`${root}/`, "");
}
