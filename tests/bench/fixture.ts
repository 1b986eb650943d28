import { fileURLToPath } from "node:url";
import { installPacked } from "../../tools/packed.ts";
import { config, root, runtimeModules } from "../../tools/run.ts";
import { capture, runFile, type Runtime, tool } from "./runtimes.ts";

const PROGRAM = fileURLToPath(new URL("program.ts", import.meta.url));

/**
 * A scratch folder with the bundle, and the tools that rows need. They are given it and never import
 * it, because rows are in the bundle too, and not every runtime has what is used here.
 */
export interface Fixture {
  /** The scratch folder. */
  readonly folder: string;
  /** The bundle of `program.ts`, one file that every runtime runs; made when it is first asked for. */
  program(): Promise<string>;
  /** Writes a file into the scratch folder; resolves to its path. */
  write(name: string, text: string): Promise<string>;
  /** Runs a file in a fresh process; resolves to what it prints. */
  run(runtime: Runtime, file: string, ...args: string[]): Promise<string>;
  /** Bundles a file of the scratch folder, with the module that this repository holds. */
  bundle(entry: string, ...options: string[]): Promise<string>;
  /** Bundles it in chunks, minified; resolves to the code that loads at the start, without what is imported later. */
  bundleStart(entry: string): Promise<string>;
  /** What to import: an entry in the form that a runtime's users get, and an empty module. */
  importTargets(
    runtime: Runtime,
    entry: keyof typeof config.exports,
  ): Promise<{ readonly ours: string; readonly empty: string }>;
  /** Removes the scratch folder. */
  close(): Promise<void>;
}

/** Makes the scratch folder. What needs the tools of tests/runtime fails when it is asked for. */
export async function openFixture(): Promise<Fixture> {
  const scratch = await Deno.makeTempDir({ prefix: "hooks_bench_" });
  const write = async (name: string, text: string) => {
    await Deno.writeTextFile(`${scratch}/${name}`, text);
    return `${scratch}/${name}`;
  };
  let program: Promise<string> | undefined;
  let installed: Promise<void> | undefined;
  return {
    folder: scratch,
    program: () => program ??= bundle(PROGRAM).then((code) => write("program.mjs", code)),
    write,
    run: runFile,
    bundle,
    bundleStart: (entry) => bundleStart(entry, `${scratch}/chunks`),
    importTargets: async (runtime, entry) => {
      if (runtime === "deno") {
        // JSR gives Deno the sources, which it transpiles once and keeps.
        const ours = new URL(config.exports[entry], `file://${root}/`).href;
        return { ours, empty: `file://${await write("empty.ts", "")}` };
      }
      await (installed ??= install(scratch));
      return { ours: `@omniagent/hooks${entry.slice(1)}`, empty: "empty-module" };
    },
    close: () => Deno.remove(scratch, { recursive: true }),
  };
}

/** One file of ES modules; peers come from where npm put them, the module from the sources. */
function bundle(entry: string, ...options: string[]): Promise<string> {
  Deno.env.set("NODE_PATH", runtimeModules); // what the sources import by name, with its subpaths
  return capture(tool("esbuild"), [
    entry,
    "--bundle",
    "--format=esm",
    "--target=es2022",
    "--external:node:*",
    "--external:npm:*",
    `--alias:@omniagent/hooks=${root}/mod.ts`,
    ...[
      "outbox",
      "stores/kv",
      "stores/sqlite",
      "stores/postgres",
      "hono",
      "otel",
      "testing",
      "webhook",
    ]
      .map((folder) =>
        `--alias:@omniagent/hooks/${folder.replace("stores/", "")}=${root}/src/${folder}/mod.ts`
      ),
    ...["hookable", "emittery", "tapable", "eventemitter3"]
      .map((peer) => `--alias:${peer}=${runtimeModules}/${peer}`),
    ...options,
  ]);
}

/** Bundles in chunks, and joins those that the entry's chunk imports statically. */
async function bundleStart(entry: string, folder: string): Promise<string> {
  const report = `${folder}.json`;
  await bundle(entry, "--minify", "--splitting", `--outdir=${folder}`, `--metafile=${report}`);
  const { outputs } = JSON.parse(await Deno.readTextFile(report)) as Metafile;
  const isEntry = ([, { entryPoint = "" }]: [string, Output]) =>
    entryPoint !== "" && entry.endsWith(fileName(entryPoint));
  const loaded = new Set([Object.entries(outputs).find(isEntry)![0]]);
  for (const chunk of loaded) {
    for (const { kind, path } of outputs[chunk]?.imports ?? []) {
      if (kind === "import-statement") loaded.add(path);
    }
  }
  const chunks = [...loaded].filter((path) => path in outputs);
  const texts = chunks.map((path) => Deno.readTextFile(`${folder}/${fileName(path)}`));
  return (await Promise.all(texts)).join("\n");
}

/** What esbuild reports of a bundle. Paths are relative to where it ran. */
interface Metafile {
  readonly outputs: Readonly<Record<string, Output>>;
}

interface Output {
  readonly entryPoint?: string;
  readonly imports: readonly { readonly kind: string; readonly path: string }[];
}

function fileName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Installs the packed module with what it needs, and beside it an empty one. */
async function install(folder: string): Promise<void> {
  await installPacked(folder);
  const empty = `${folder}/node_modules/empty-module`;
  await Deno.mkdir(empty);
  await Deno.writeTextFile(`${empty}/mod.js`, "export {};\n");
  await Deno.writeTextFile(
    `${empty}/package.json`,
    JSON.stringify({ name: "empty-module", type: "module", exports: { ".": "./mod.js" } }),
  );
}
