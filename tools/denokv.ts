/**
 * Runs a command against a real denokv, the KV Connect server that Deno's authors publish: builds it once
 * from its source, starts it on a free port with an empty database, and stops it after the command.
 * `--help` says more.
 * @module
 */
import { exists, freePort } from "./run.ts";

const VERSION = "0.14.0";
/** How long a start may take, in milliseconds. */
const PATIENCE = 20_000;

const HELP = `Runs a command against a real denokv ${VERSION}, with an empty database.

Usage: deno task denokv [--binary FILE] [COMMAND ARG...]

  --binary FILE  a denokv that is there; without it, cargo builds one, once, in about ten minutes:
                 ${cacheFolder()}
  --help         print this

COMMAND finds the server by the environment variables DENOKV_URL and DENO_KV_ACCESS_TOKEN; this ends with
its exit code. Without a COMMAND the two are printed, and the server runs until SIGINT or SIGTERM.

  deno task denokv deno task test tests/internal/kv/denokv_test.ts   the store suite, by two clients
  deno task denokv deno task test tests/runtime/kv_test.ts           the same on Bun and Node
  deno task denokv deno task test tests/soak/shared_store_test.ts    four processes share it
  deno task denokv deno task bench --only "durable publish" --only "durable end to end, 192 in flight raw"

These tests delete whatever they find in the database of DENOKV_URL.`;

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

/** Where the program is kept, for all worktrees: it takes long to make. */
function cacheFolder(): string {
  const home = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME") ?? "."}/.cache`;
  return `${home}/omniagent-hooks/denokv-${VERSION}`;
}

/** Builds it unless it is there; its path. */
async function build(): Promise<string> {
  const binary = `${cacheFolder()}/bin/denokv`;
  if (await exists(binary)) return binary;
  console.error(`Building denokv ${VERSION}, which takes about ten minutes`);
  const args = ["install", "denokv", "--version", VERSION, "--locked", "--root", cacheFolder()];
  const cargo = new Deno.Command("cargo", { args, stdin: "null", stdout: "inherit" });
  const { success } = await cargo.spawn().status.catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error("Cannot build denokv as there is no cargo: install Rust, or give a --binary");
  });
  if (!success) throw new Error("Cannot build denokv: cargo says why above");
  return binary;
}

type Server = {
  readonly env: { readonly DENOKV_URL: string; readonly DENO_KV_ACCESS_TOKEN: string };
  stop(): Promise<void>;
};

/** Starts it, and waits until it answers. */
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
  const deadline = performance.now() + PATIENCE;
  while (running && performance.now() < deadline) {
    if (await answers(`http://${addr}`)) {
      return { env: { DENOKV_URL: `http://${addr}`, DENO_KV_ACCESS_TOKEN: token }, stop };
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await stop();
  throw new Error(`Cannot start denokv: ${(await log).trim() || "it does not answer"}`);
}

function spawn(binary: string, options: Deno.CommandOptions): Deno.ChildProcess {
  try {
    return new Deno.Command(binary, options).spawn();
  } catch (error) {
    throw new Error(`Cannot start denokv: ${(error as Error).message}`);
  }
}

async function answers(url: string): Promise<boolean> {
  const response = await fetch(url).catch(() => undefined);
  await response?.body?.cancel();
  return response !== undefined;
}

async function run([program, ...args]: readonly string[], env: Server["env"]): Promise<number> {
  const deno = program === "deno" ? Deno.execPath() : program!;
  const { code } = await new Deno.Command(deno, { args, env: { ...env } }).spawn().status;
  return code;
}

/** Prints where it is, and waits for a signal. */
async function serve({ env }: Server): Promise<number> {
  for (const [name, value] of Object.entries(env)) console.log(`export ${name}=${value}`);
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, resolve);
  });
  return 0;
}
