/**
 * Runs tests/workerd/ against the real workerd: the packed package, bundled into three workers:
 * one sends, one receives, one serves the app. The tests themselves run on Deno and talk to them over
 * loopback.
 * @module
 */
import { pack } from "./pack.ts";
import {
  build,
  checkArguments,
  config as manifest,
  output,
  root,
  run,
  runtimeModules,
  testsConfig,
} from "./run.ts";
import { counts, junitFile, readRun } from "./test.ts";

const folder = `${build}/workerd`;
const program = `${runtimeModules}/.bin/workerd`;
const workers = ["sender", "receiver", "app"];
/** Until all of them listen, in milliseconds. */
const START_LIMIT = 20_000;
const signals = ["SIGINT", "SIGTERM"] as const;

/** The URL of each worker. */
type Urls = Readonly<Record<string, string>>;

/** `private` holds loopback. No worker has a compatibility flag: `nodejs_compat` is not needed. */
const config = `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "sender", worker = .sender),
    (name = "receiver", worker = .receiver),
    (name = "app", worker = .app),
    (name = "loopback", network = (allow = ["private"])),
  ],
  sockets = [
    (name = "sender", address = "127.0.0.1:0", http = (), service = "sender"),
    (name = "receiver", address = "127.0.0.1:0", http = (), service = "receiver"),
    (name = "app", address = "127.0.0.1:0", http = (), service = "app"),
  ],
);

const sender :Workerd.Worker = (
  modules = [(name = "sender.js", esModule = embed "sender.js")],
  compatibilityDate = "2025-01-01",
  bindings = [(name = "RECEIVER", service = "receiver")],
  globalOutbound = "loopback",
);

const receiver :Workerd.Worker = (
  modules = [(name = "receiver.js", esModule = embed "receiver.js")],
  compatibilityDate = "2025-01-01",
);

const app :Workerd.Worker = (
  modules = [(name = "app.js", esModule = embed "app.js")],
  compatibilityDate = "2025-01-01",
);
`;

checkArguments("deno task test:workerd", Deno.args.length === 0);
await Deno.mkdir(`${build}/junit`, { recursive: true });
await Deno.remove(junitFile("workerd")).catch(() => {});
await bundle();
const version = (await output(program, ["--version"])).stdout.trim();
const passed = await withWorkerd(runTests);
const result = await readRun("workerd");
console.log(`\n${version}: ${result === undefined ? "did not run" : counts(result)}`);
if (!passed) Deno.exit(1);

/** Makes the folder: the package as npm installs it, a file for each worker, the configuration. */
async function bundle(): Promise<void> {
  const archive = await pack();
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.mkdir(folder);
  await Deno.writeTextFile(`${folder}/package.json`, `{ "private": true, "type": "module" }`);
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
  const hono = manifest.imports.hono.replace("npm:", "");
  await run("npm", ["install", ...quiet, archive, hono], { cwd: folder });
  for (const name of [...workers, "shared"]) {
    await Deno.copyFile(`${root}/tests/workerd/${name}.ts`, `${folder}/${name}.ts`);
  }
  // For `browser`, as bundlers for Workers do it: an import of `node:` would be an error. `./testing`, whose
  // store the app has, imports this one when it starts a receiver.
  const external = "--external:node:http";
  const target = ["--bundle", "--platform=browser", "--format=esm", "--target=es2022", external];
  const sources = workers.map((name) => `${name}.ts`);
  await run(
    `${runtimeModules}/.bin/esbuild`,
    ["--log-level=warning", ...target, "--outdir=.", ...sources],
    { cwd: folder },
  );
  await Deno.writeTextFile(`${folder}/config.capnp`, config);
}

/** Runs a function while workerd runs. */
async function withWorkerd<T>(use: (urls: Urls) => Promise<T>): Promise<T> {
  const args = ["serve", "--control-fd=1", "config.capnp"];
  const streams = { stdin: "null", stdout: "piped" } as const;
  const child = new Deno.Command(program, { args, cwd: folder, ...streams }).spawn();
  const kill = () => {
    try {
      child.kill("SIGKILL");
    } catch { // it has ended by itself
    }
  };
  // A signal to this process ends workerd, too.
  const end = () => {
    kill();
    Deno.exit(1);
  };
  signals.forEach((signal) => Deno.addSignalListener(signal, end));
  const late = setTimeout(kill, START_LIMIT); // ends its output, and with it the wait
  try {
    const urls = await listening(child.stdout);
    clearTimeout(late);
    return await use(urls);
  } finally {
    clearTimeout(late);
    kill();
    await child.status;
    signals.forEach((signal) => Deno.removeSignalListener(signal, end));
  }
}

/** Resolves to the URLs of the workers once all of them listen. Prints the other output of workerd. */
async function listening(stdout: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<Urls> {
  const urls: Record<string, string> = {};
  const { promise, resolve, reject } = Promise.withResolvers<Urls>();
  const read = async () => {
    let rest = "";
    for await (const text of stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        const { socket, port } = /^\{"event":"listen"/.test(line) ? JSON.parse(line) : {};
        if (socket === undefined) console.log(line);
        else urls[socket] = `http://127.0.0.1:${port}/`;
      }
      if (workers.every((name) => name in urls)) resolve(urls);
    }
    reject(new Error(`workerd ended, or did not listen within ${START_LIMIT} ms`));
  };
  read().catch(reject);
  return await promise;
}

async function runTests(urls: Urls): Promise<boolean> {
  for (const name of workers) Deno.env.set(`WORKERD_${name.toUpperCase()}`, urls[name]!);
  const report = `--junit-path=${junitFile("workerd")}`;
  const args = ["test", "-A", "--quiet", testsConfig, report, "tests/workerd/main.ts"];
  return await run("deno", args)
    .then(() => true, () => false);
}
