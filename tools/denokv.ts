/**
 * Runs a command against a real denokv, the KV Connect server of Deno's authors. Builds it once from source,
 * starts it on a free port with an empty database, and stops it after the command. See `--help`.
 * @module
 */
import { exists, freePort } from "./run.ts";

const VERSION = "0.14.0";
/** How long a start may take, in milliseconds. */
const START_TIMEOUT = 20_000;

const HELP = `Runs a command against a real denokv ${VERSION}, with an empty database.

Usage: deno task denokv [--binary FILE] [COMMAND ARG...]

  --binary FILE  use this denokv; by default cargo builds one, once, in about ten minutes:
                 ${cacheFolder()}
  --help         print this help

COMMAND finds the server by the environment variables DENOKV_URL and DENO_KV_ACCESS_TOKEN; its exit code
is returned. Without a COMMAND, prints the two and runs the server until SIGINT or SIGTERM.

  deno task denokv deno task test tests/internal/kv/denokv_test.ts   the store suite, by two clients
  deno task denokv deno task test tests/runtime/kv_test.ts           the same on Bun and Node
  deno task denokv deno task test tests/soak/shared_store_test.ts    four processes share it
  deno task denokv deno task bench --only "durable publish" --only "durable end to end, 192 in flight raw"

These tests delete everything in the database of DENOKV_URL.`;

if (import.meta.main) {
  try {
    Deno.exitCode = await main(Deno.args);
  } catch (error) {
    console.error((error as Error).message);
    Deno.exitCode = 1;
  }
}

async function main(args: readonly string[]): Promise<number> {
  if (args[0] === "--help") {
    console.log(HELP);
    return 0;
  }
  const given = args[0] === "--binary";
  const command = given ? args.slice(2) : args;
  if ((given && args[1] === undefined) || command[0]?.startsWith("-")) {
    console.error(HELP);
    return 2;
  }
  const binary = given ? args[1]! : await build();
  const folder = await Deno.makeTempDir({ prefix: "denokv-" });
  try {
    const server = await start(binary, folder);
    try {
      return await (command.length > 0 ? run(command, server.env) : serve(server));
    } finally {
      await server.stop();
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Where the binary is kept, for all worktrees, because building it takes long. */
function cacheFolder(): string {
  const home = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME") ?? "."}/.cache`;
  return `${home}/omniagent-hooks/denokv-${VERSION}`;
}

/** Builds denokv unless it exists. Resolves to its path. */
async function build(): Promise<string> {
  const binary = `${cacheFolder()}/bin/denokv`;
  if (await exists(binary)) return binary;
  console.error(`Building denokv ${VERSION}, which takes about ten minutes`);
  const args = ["install", "denokv", "--version", VERSION, "--locked", "--root", cacheFolder()];
  const cargo = new Deno.Command("cargo", { args, stdin: "null", stdout: "inherit" });
  const { success } = await cargo.spawn().status.catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error("Cannot build denokv: cargo is not installed, install Rust or pass --binary");
  });
  if (!success) throw new Error("Cannot build denokv: cargo failed, see its output above");
  return binary;
}

type Server = {
  readonly env: { readonly DENOKV_URL: string; readonly DENO_KV_ACCESS_TOKEN: string };
  stop(): Promise<void>;
};

/** Starts denokv, and waits until it responds. */
async function start(binary: string, folder: string): Promise<Server> {
  const addr = `127.0.0.1:${freePort()}`;
  const token = crypto.randomUUID();
  const process = spawn(binary, {
    args: ["--sqlite-path", `${folder}/kv.db`, "serve", "--addr", addr],
    env: { DENO_KV_ACCESS_TOKEN: token },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  });
  const log = new Response(process.stderr).text();
  let running = true;
  const ended = process.status.finally(() => running = false);
  const stop = async (): Promise<void> => {
    if (running) process.kill("SIGTERM");
    await ended;
    await log;
  };
  const deadline = performance.now() + START_TIMEOUT;
  while (running && performance.now() < deadline) {
    if (await responds(`http://${addr}`)) {
      return { env: { DENOKV_URL: `http://${addr}`, DENO_KV_ACCESS_TOKEN: token }, stop };
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await stop();
  throw new Error(`Cannot start denokv: ${(await log).trim() || "it does not respond"}`);
}

function spawn(binary: string, options: Deno.CommandOptions): Deno.ChildProcess {
  try {
    return new Deno.Command(binary, options).spawn();
  } catch (error) {
    throw new Error(`Cannot start denokv: ${(error as Error).message}`);
  }
}

async function responds(url: string): Promise<boolean> {
  const response = await fetch(url).catch(() => undefined);
  await response?.body?.cancel();
  return response !== undefined;
}

async function run([program, ...args]: readonly string[], env: Server["env"]): Promise<number> {
  const deno = program === "deno" ? Deno.execPath() : program!;
  const { code } = await new Deno.Command(deno, { args, env: { ...env } }).spawn().status;
  return code;
}

/** Prints the environment variables, and waits for a signal. */
async function serve({ env }: Server): Promise<number> {
  for (const [name, value] of Object.entries(env)) console.log(`export ${name}=${value}`);
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, resolve);
  });
  return 0;
}
