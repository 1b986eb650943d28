/**
 * Creates the npm package, for Bun and Node:
 * `.build/omniagent-hooks-<version>.tgz`.
 *
 * `deno pack` turns the sources into JavaScript and declarations. esbuild bundles the modules of an entry,
 * because Node and Bun pay for each module at every start. The command gets its `bin`, which `deno pack`
 * does not support. npm then writes the archive, with the same bytes for the same sources.
 * @module
 */
import { createHash } from "node:crypto";
import {
  build,
  checkArguments,
  config,
  exists,
  filesBelow,
  installRuntimes,
  output,
  root,
  run,
  runtimeModules,
} from "./run.ts";

/** Fields of package.json that `deno pack` leaves out. */
const patch = {
  description: config.description,
  keywords: ["agent", "ai", "deno", "events", "hooks", "webhooks"],
  // The first versions with `process.getBuiltinModule` (DeadlockError, address guard); `parseEnv` of
  // node:util (--env-file) is older.
  engines: { node: "^20.16.0 || >=22.3.0" },
  sideEffects: false,
  bin: { hooks: "./bin/hooks.js" },
};

/** The command, for Node and Bun: npm makes it executable. */
const command = `#!/usr/bin/env node
import { main } from "../src/cli/mod.js";

await main();
`;

/** Dependencies that an app installs itself: two copies of Hono would be two types. */
const peers = ["hono"];

/** What adapters connect, which only those need who use it: the versions that are tested, and newer ones. */
const optionalPeers = {
  "@anthropic-ai/claude-agent-sdk": ">=0.3.332 <1",
  "@langchain/core": "^1.4.0",
  "@mastra/core": "^1.71.0",
  "@modelcontextprotocol/sdk": "^1.32.0",
  "@openai/agents-core": ">=0.20.0 <1",
  "@strands-agents/sdk": "^1.19.0",
  ai: "^5.0.0 || ^6.0.0 || ^7.0.0",
  langchain: "^1.5.0",
};

const shipped = [
  /^(?:package\.json|README\.md|LICENSE|(?:CHANGELOG|CONTRIBUTING|SECURITY)\.md)$/,
  /^(?:docs|skills)\/[\w/-]+\.md$/,
  /^docs\/[\w-]+\.(?:svg|png)$/,
  /^examples\/[\w./-]+\.(?:ts|mjs|md|jsonc?|jsonl|yaml|capnp)$/,
  /^mod\.(?:js|d\.ts)$/,
  /^bin\/hooks\.js$/,
  /^src\/[\w/]+\.(?:js|d\.ts)$/,
  /^chunks\/[\w-]+\.js$/,
];

/** Where the package is written. */
const archive = `${build}/${config.name.slice(1).replace("/", "-")}-${config.version}.tgz`;

/**
 * Creates the package, unless the last one has the same sources. If several processes call it at once, one
 * creates it and the others wait. Resolves to the path of the archive.
 */
export async function pack(): Promise<string> {
  await installRuntimes();
  await Deno.mkdir(build, { recursive: true });
  const lock = await Deno.open(`${build}/pack.lock`, { write: true, create: true });
  try {
    await lock.lock(true);
    const note = `${build}/pack.sources`;
    const sources = await sourcesDigest();
    const packed = await Deno.readTextFile(note).catch(() => "");
    if (packed === sources && await exists(archive)) return archive;
    await Deno.remove(note).catch(() => {});
    await create();
    await Deno.writeTextFile(note, sources);
    return archive;
  } finally {
    lock.close();
  }
}

/** Returns a digest of everything that the package is made of: all files but tests, and the version of esbuild. */
async function sourcesDigest(): Promise<string> {
  const paths = ["tests/runtime/package-lock.json"];
  for await (const { name, isFile } of Deno.readDir(root)) {
    if (isFile) paths.push(name);
    else if (!name.startsWith(".") && name !== "tests") paths.push(...await filesBelow(name));
  }
  const hash = createHash("sha256");
  hash.update(JSON.stringify([Deno.version, Deno.env.get("GITHUB_REPOSITORY")]));
  for (const path of paths.sort()) {
    const bytes = await Deno.readFile(`${root}/${path}`);
    hash.update(`\n${path} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest("hex");
}

/** Creates the archive. */
async function create(): Promise<void> {
  const folder = `${build}/pack`;
  const raw = `${build}/pack.tgz`;
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.mkdir(folder, { recursive: true });
  await run("deno", ["pack", "--quiet", "--no-source-maps", "--allow-dirty", "--output", raw]);
  await run("tar", ["-xzf", raw, "-C", folder]);

  await join(`${folder}/package`);
  await copyPrograms(`${folder}/package`);
  await Deno.mkdir(`${folder}/package/bin`);
  await Deno.writeTextFile(`${folder}/package/bin/hooks.js`, command);
  const manifest = `${folder}/package/package.json`;
  const fields = withPeers({
    ...JSON.parse(await Deno.readTextFile(manifest)),
    ...patch,
    ...repositoryFields(Deno.env.get("GITHUB_REPOSITORY")),
  });
  await Deno.writeTextFile(manifest, `${JSON.stringify(fields, null, 2)}\n`);
  await inspect(".build/pack/package");

  const options = ["pack", "--silent", "--pack-destination", build];
  const npm = await output("npm", options, { cwd: `${folder}/package` }); // it prints a name, always
  if (!npm.success) throw new Error(`npm pack failed: ${npm.all.trim()}`);
}

/**
 * Names the repository, `owner/name`, that packs. npm rejects provenance for a package that doesn't name the
 * repository it was built in. A clone elsewhere packs without it.
 */
export function repositoryFields(
  repository: string | undefined,
): { readonly repository?: { readonly type: "git"; readonly url: string } } {
  if (!repository) return {};
  return { repository: { type: "git", url: `git+https://github.com/${repository}.git` } };
}

/** Moves the peers out of the dependencies. npm and Bun install them too: `hooks serve` needs Hono. */
function withPeers(
  { dependencies, ...fields }: { readonly dependencies?: Record<string, string> },
): unknown {
  const isPeer = ([name]: readonly [string, string]) => peers.includes(name);
  const all = Object.entries(dependencies ?? {});
  return {
    ...fields,
    dependencies: Object.fromEntries(all.filter((entry) => !isPeer(entry))),
    peerDependencies: { ...Object.fromEntries(all.filter(isPeer)), ...optionalPeers },
    peerDependenciesMeta: Object.fromEntries(
      Object.keys(optionalPeers).map((name) => [name, { optional: true }]),
    ),
  };
}

/**
 * Bundles each entry into one file, with chunks for what entries share or load on demand. None is a program:
 * otherwise a user's bundle that includes `./cli` would run the command.
 */
async function join(folder: string): Promise<void> {
  const { exports } = JSON.parse(await Deno.readTextFile(`${folder}/package.json`));
  const entries = Object.values<{ import: string }>(exports).map((entry) => entry.import);
  const joined = `${folder}.joined`;
  await run(`${runtimeModules}/.bin/esbuild`, [
    ...entries.map((entry) => `${folder}/${entry.slice(2)}`),
    ...["--bundle", "--splitting", "--format=esm", "--target=node20", "--packages=external"],
    ...["--loader:.js=jsx", "--jsx=automatic", "--jsx-import-source=hono/jsx"], // `deno pack` keeps JSX
    ...[`--outbase=${folder}`, `--outdir=${joined}`, "--chunk-names=chunks/[name]-[hash]"],
    "--define:import.meta.main=false",
    "--log-level=warning",
  ]);
  for (const path of await filesBelow(relative(folder))) {
    if (path.endsWith(".js")) await Deno.remove(`${root}/${path}`);
  }
  for (const path of await filesBelow(relative(joined))) {
    const target = `${root}/${path.replace(relative(joined), relative(folder))}`;
    await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
    await Deno.rename(`${root}/${path}`, target);
  }
}

/** Copies the programs of examples/agents, which run from the package: JSR can't resolve what they import. */
async function copyPrograms(folder: string): Promise<void> {
  await Deno.mkdir(`${folder}/examples/agents`, { recursive: true });
  for (const path of await filesBelow("examples/agents")) {
    if (path.endsWith(".mjs")) await Deno.copyFile(`${root}/${path}`, `${folder}/${path}`);
  }
}

function relative(path: string): string {
  return path.slice(root.length + 1);
}

/**
 * Fails if the package contains a file that must not ship, or a path of this machine.
 */
async function inspect(folder: string): Promise<void> {
  const files = (await filesBelow(folder)).map((path) => path.slice(folder.length + 1));
  const unfit = files.filter((path) => !shipped.some((form) => form.test(path)));
  for (const path of files) {
    const text = await Deno.readTextFile(`${root}/${folder}/${path}`);
    if (text.includes("sourceMappingURL") || text.includes(root)) unfit.push(path);
  }
  if (!files.includes("mod.d.ts")) unfit.push("mod.d.ts");
  if (unfit.length > 0) throw new Error(`Cannot ship the package: ${unfit.join(", ")}`);
}

if (import.meta.main) {
  checkArguments("deno task pack", Deno.args.length === 0);
  const { size } = await Deno.stat(await pack());
  console.log(`${archive.slice(root.length + 1)} ${(size / 1024).toFixed(1)} KiB`);
}
