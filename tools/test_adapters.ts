/**
 * Runs the tests of adapters against the real SDKs, which it installs in tests/adapters: on Node 24, because some
 * SDKs need 22, and on Deno. Both run the same files against the packed package.
 * @module
 */
import { blocksOf, readDocuments } from "../tests/house/documents.ts";
import { pack } from "./pack.ts";
import { hasRuntimes } from "./packed.ts";
import {
  build,
  checkArguments,
  config,
  exists,
  filesBelow,
  output,
  root,
  run,
  runtimeModules,
} from "./run.ts";
import { passes, succeeds } from "./test.ts";

/** Where the SDKs are installed. */
const sdks = `${root}/tests/adapters`;
/** Where the bundled tests are, with a link to the SDKs. */
const folder = `${build}/adapters`;
const node = `${runtimeModules}/node/bin/node`;

/** Installs the SDKs and the packed package, once for each lock. Resolves to the folder of the SDKs. */
export async function installAdapters(): Promise<string> {
  const stamp = `${sdks}/node_modules/.lock-that-is-installed`;
  const lock = await Deno.readTextFile(`${sdks}/package-lock.json`);
  const installed = await exists(stamp) ? await Deno.readTextFile(stamp) : "";
  if (installed !== lock) {
    console.log("Installing the SDKs of tests/adapters: npm ci, 320 MB");
    await run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: sdks });
    await Deno.writeTextFile(stamp, lock);
  }
  const place = `${sdks}/node_modules/${config.name}`;
  await Deno.remove(place, { recursive: true }).catch(() => {});
  await Deno.mkdir(place, { recursive: true });
  await run("tar", ["-xzf", await pack(), "--strip-components=1", "-C", place]);
  return sdks;
}

/** Bundles the tests: Node 20 reads no TypeScript. Packages stay outside. Resolves to the bundles. */
async function bundle(names: readonly string[]): Promise<readonly string[]> {
  const all = (await filesBelow("tests/adapters")).filter((file) => file.endsWith("_test.ts"));
  const files = all.filter((file) =>
    names.length === 0 || names.some((name) => file.endsWith(`/${name}_test.ts`))
  );
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.mkdir(folder, { recursive: true });
  await Deno.symlink(`${sdks}/node_modules`, `${folder}/node_modules`);
  await Deno.writeTextFile(`${folder}/package.json`, `{ "private": true, "type": "module" }`);
  const target = ["--bundle", "--packages=external", "--platform=node", "--format=esm"];
  const place = [`--outdir=${folder}`, "--outbase=tests/adapters", "--out-extension:.js=.mjs"];
  const options = [...target, ...place, "--target=node20", "--log-level=warning"];
  await run(`${runtimeModules}/.bin/esbuild`, [...files, ...options, "--sourcemap=inline"]);
  return files.map((file) => file.slice("tests/adapters/".length).replace(/\.ts$/, ".mjs"));
}

async function testOnNode(files: readonly string[]): Promise<boolean> {
  console.log(`\nadapters on node ${(await output(node, ["--version"])).stdout.trim()}`);
  const options = [
    "--enable-source-maps",
    "--test",
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    "--test-reporter=junit",
  ];
  return await passes("adapters-node", (file, only) => {
    const filter = only === undefined ? [] : [`--test-name-pattern=${only}`];
    const args = [...options, `--test-reporter-destination=${file}`, ...filter, ...files];
    return succeeds(node, args, folder);
  });
}

async function testOnDeno(files: readonly string[]): Promise<boolean> {
  console.log(`\nadapters on deno ${Deno.version.deno}`);
  const options = [
    "--no-config",
    "--no-lock",
    "--node-modules-dir=manual",
    "--quiet",
    "--no-check",
  ];
  return await passes("adapters-deno", (file, only) => {
    const filter = only === undefined ? [] : [`--filter=/${only}/`];
    const args = ["test", "-A", ...options, `--junit-path=${file}`, ...filter, ...files];
    return succeeds("deno", args, folder);
  });
}

/** Checks the programs of docs/agents against the types of the SDKs, as an app would that installed them, and runs them. */
async function checkDocuments(): Promise<boolean> {
  const programs = `${folder}/programs`;
  await Deno.mkdir(programs);
  const complete: string[] = [];
  for (const page of await readDocuments()) {
    const name = /^docs\/agents\/(.+)\.md$/.exec(page.path)?.[1];
    if (name === undefined) continue;
    // `@openai/agents` has the same names, and OpenAI's client, which nothing here needs.
    const blocks = [...blocksOf(page)].filter(({ language }) => language === "ts").map((block) => ({
      line: block.line,
      code: block.code.replaceAll(/"@openai\/agents(?=["/])/g, '"@openai/agents-core'),
    }));
    for (const { line, code } of blocks) {
      await Deno.writeTextFile(`${programs}/${name}_${line}.ts`, code);
    }
    const [program, ...others] = blocks.map(({ code }) => code);
    const model = others.find((code) => /^const model = /m.test(code));
    if (model !== undefined) {
      const offline = program!.replace(/\bmodel: (?:"[^"]+"|new [\w.]+\(\))/, "model");
      await Deno.writeTextFile(`${programs}/${name}.ts`, `${model}\n${offline}`);
      complete.push(name);
    }
    if (name === "mcp") {
      await Deno.writeTextFile(`${programs}/server.mjs`, program!);
      await Deno.writeTextFile(`${programs}/${name}.ts`, others[0]!);
      complete.push(name);
    }
  }
  const compilerOptions = {
    module: "nodenext",
    target: "es2023",
    lib: ["es2023", "dom", "dom.iterable", "esnext.disposable"],
    types: ["node"],
    typeRoots: [`${runtimeModules}/@types`],
    strict: true,
    skipLibCheck: true,
    noEmit: true,
  };
  await Deno.writeTextFile(`${programs}/tsconfig.json`, JSON.stringify({ compilerOptions }));
  console.log("\ntypes of the programs in docs/agents");
  const tsc = `${runtimeModules}/typescript/bin/tsc`;
  const typed = await run("node", [tsc, "--project", programs]).then(() => true, () => false);
  const ran = await Promise.all(complete.map((name) => runProgram(programs, name)));
  return typed && ran.every((succeeded) => succeeded);
}

/** Runs a program of docs/agents with its scripted model: one payment is approved, and one is denied. */
async function runProgram(programs: string, name: string): Promise<boolean> {
  const args = ["--disable-warning=ExperimentalWarning", `${name}.ts`];
  const { success, all } = await output(node, args, { cwd: programs });
  const missing = ["Paid 7", "tool.completed", "tool.denied", "At most 100", "Pay 7?"]
    .filter((text) => !all.includes(text));
  const succeeded = success && missing.length === 0;
  console.log(`docs/agents/${name}.md ... ${succeeded ? "ok" : `missing: ${missing}\n${all}`}`);
  return succeeded;
}

if (import.meta.main) {
  const names = Deno.args;
  checkArguments("deno task test:adapters [NAME...]", names.every((name) => /^\w+$/.test(name)));
  if (!await hasRuntimes("adapters")) Deno.exit(0);
  await installAdapters();
  const files = await bundle(names);
  await Deno.mkdir(`${build}/junit`, { recursive: true });
  const onNode = await testOnNode(files);
  const onDeno = await testOnDeno(files);
  const areTyped = await checkDocuments();
  if (!onNode || !onDeno || !areTyped) Deno.exit(1);
}
