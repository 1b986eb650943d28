/**
 * What every tool here needs: the root of the repository, its configuration, and a way to run a
 * command.
 * @module
 */
import config from "../deno.json" with { type: "json" };

export { config };

/** The root of the repository, as a URL that ends in a slash. */
export const rootUrl = new URL("..", import.meta.url);

/** The same as a path, without a slash at the end. */
export const root = decodeURIComponent(rootUrl.pathname).slice(0, -1);

/** Everything that is made here goes there; git, formatter and publish leave it alone. */
export const build = `${root}/.build`;

/**
 * The configuration of `tests/`: it adds the packages that only tests import, so that no other command
 * downloads them.
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

/** Runs a command and gives what it prints, standard error included. */
export async function output(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string } = {},
): Promise<{ readonly success: boolean; readonly stdout: string; readonly all: string }> {
  const { success, stdout, stderr } = await spawn(command, args, options, "piped");
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { success, stdout: out!, all: `${out}${error}` };
}

/** The files below a folder, as paths from the root, in order. */
export async function filesBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(`${root}/${folder}`)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isFile) found.push(path);
    else if (entry.name !== "node_modules") found.push(...await filesBelow(path));
  }
  return found.sort();
}

/** Whether a file or folder is there. */
export async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** Installs the tools from npm, unless they are installed: a fresh clone has none. */
export async function installRuntimes(): Promise<void> {
  if (await exists(`${runtimeModules}/.bin/esbuild`)) return;
  console.error("Installing the tools of tests/runtime, once: npm ci");
  await run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: `${root}/tests/runtime`,
  });
}

/** A port of this machine that nobody has at the moment. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Ends a tool that was asked for its usage, or was given arguments that it does not take. */
export function checkArguments(usage: string, taken: boolean): void {
  const asked = Deno.args.includes("--help");
  if (taken && !asked) return;
  (asked ? console.log : console.error)(`Usage: ${usage}`);
  Deno.exit(asked ? 0 : 2);
}

async function spawn(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string },
  stream: "inherit" | "piped",
): Promise<Deno.CommandOutput> {
  if (command.startsWith(runtimeModules) && !await exists(command)) {
    throw new Error(`${describe(command, [])} is not there: run 'npm ci' in tests/runtime`);
  }
  // `deno` is the one that runs this, whatever the PATH says.
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
