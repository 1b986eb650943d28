/**
 * Runs the tests on one runtime: `deno` from source, `bun` and `node` against the packed package as
 * npm installs it.
 *
 * The files are the same everywhere. The names of the tests that ran are compared with Deno's, so a file
 * that a runner silently ignores fails the run.
 * @module
 */
import { missing, parseJUnit, patternOf, type TestRun, withSecondRun } from "./junit.ts";
import { pack } from "./pack.ts";
import {
  build,
  checkArguments,
  exists,
  filesBelow,
  output,
  root,
  run,
  runtimeModules,
  testsConfig,
} from "./run.ts";

/** Folders whose tests run only on Deno, or in a task of their own, with the reason. */
const denoOnlyReasons: Readonly<Record<string, string>> = {
  browser: "drives Chromium, which needs no second runtime",
  internal: "private files, which the package does not export",
  house: "the repository itself, not the package",
  command: "starts the command as processes, on all three",
  consumer: "a program that `test:consumer` type-checks",
  bench: "the sampler, not the package",
  runtime: "starts other runtimes itself",
  sim: "private files, which the package does not export",
  soak: "starts and kills processes of Deno",
  sqlite: "Node 20 has no SQLite: tests/runtime runs them on Bun and Node 24",
  workerd: "workers, which `test:workerd` starts",
};

/** Folders whose tests use all cores by themselves. Those of the others run on all cores at once. */
const startsProcesses = new Set(["browser", "command", "house", "runtime", "soak"]);

/** Folders whose tests don't run from the packed package on Bun and Node 20. */
export const denoOnly: readonly string[] = ["adapters", ...Object.keys(denoOnlyReasons)];

/** The most tests of a run that may fail and run again. If more fail, something is broken. */
const MAX_FLAKY = 3;

/** Tests that run only on Bun: its own client of PostgreSQL. */
const BUN_ONLY = /\bthrough (?:bun_sql,|Bun\.sql:)/;

const runners = { deno: testOnDeno, bun: testOnBun, node: testOnNode };

/**
 * Where the counts of a run are written: a runtime's name, `deno-house` for a folder of Deno's own,
 * `docs`.
 */
export function junitFile(name: string): string {
  return `${build}/junit/${name}.xml`;
}

/** Reads the counts of a run; undefined if it did not run. */
export async function readRun(name: string): Promise<TestRun | undefined> {
  const [file, second] = [junitFile(name), secondFile(name)];
  if (!await exists(file)) return undefined;
  const run = parseJUnit(await Deno.readTextFile(file));
  return await exists(second) ? withSecondRun(run, await Deno.readTextFile(second)) : run;
}

/** Where the counts of the tests are that failed and ran again. */
function secondFile(name: string): string {
  return junitFile(`${name}-second`);
}

/**
 * Runs tests. A few that fail run again by themselves: among 15,000, a busy machine makes one fail now and then.
 * The report names them as flaky. One that fails twice has failed.
 *
 * @param attempt runs the tests whose names match a regular expression, or all, and writes their JUnit file
 */
export async function passes(
  name: string,
  attempt: (file: string, only?: string) => Promise<boolean | "incomplete">,
): Promise<boolean> {
  for (const file of [junitFile(name), secondFile(name)]) await Deno.remove(file).catch(() => {});
  const first = await attempt(junitFile(name));
  if (first === true || first === "incomplete") return first === true;
  const failures = (await readRun(name))?.failures ?? [];
  if (failures.length === 0 || failures.length > MAX_FLAKY) return false;
  console.log(`\nRunning again: ${failures.map((failure) => failure.name).join("; ")}\n`);
  const second = await attempt(secondFile(name), patternOf(failures));
  return second === true && (await readRun(name))?.failed === 0;
}

/** Returns the folders that only `deno task test` runs, and that have tests. */
export async function denoOnlyFolders(): Promise<string[]> {
  const files = await filesBelow("tests");
  const hasTests = (folder: string) =>
    files.some((file) => file.startsWith(`tests/${folder}/`) && file.endsWith("_test.ts"));
  return Object.keys(denoOnlyReasons).filter(hasTests);
}

async function testOnDeno(): Promise<boolean> {
  // All permissions: tests open loopback servers and temporary files, and start other programs.
  const test = (name: string, ...args: string[]) =>
    passes(name, (file, only) => {
      const filter = only === undefined ? [] : [`--filter=/${only}/`];
      return runDenoTests(["-A", testsConfig, `--junit-path=${file}`, ...filter, ...args]);
    });
  const ignored = denoOnly.map((folder) => `tests/${folder}`);
  let ok = await test("deno", "--quiet", "--parallel", `--ignore=${ignored}`, "tests");
  for (const folder of await denoOnlyFolders()) {
    // Not quiet: tests that are skipped because a program isn't installed print that.
    const parallel = startsProcesses.has(folder) ? [] : ["--parallel"];
    ok = await test(`deno-${folder}`, ...parallel, `tests/${folder}`) && ok;
  }
  return ok;
}

/**
 * Runs `deno test`, and shows what it prints. Resolves to whether it succeeds. Its JUnit file lacks the tests of a
 * file that failed to load: then none has a second chance.
 */
async function runDenoTests(args: readonly string[]): Promise<boolean | "incomplete"> {
  const options = { cwd: root, stdin: "null", stdout: "piped", stderr: "inherit" } as const;
  const child = new Deno.Command(Deno.execPath(), { args: ["test", ...args], ...options }).spawn();
  const decoder = new TextDecoder();
  let isComplete = true;
  let end = "";
  const watch = new TransformStream<Uint8Array, Uint8Array>({
    transform(bytes, controller) {
      end = (end + decoder.decode(bytes, { stream: true })).slice(-2 * bytes.length - 100);
      if (end.includes("(uncaught error)")) isComplete = false;
      controller.enqueue(bytes);
    },
  });
  await child.stdout.pipeThrough(watch).pipeTo(Deno.stdout.writable, { preventClose: true });
  const { success } = await child.status;
  return isComplete ? success : "incomplete";
}

async function testOnBun(): Promise<boolean> {
  const folder = await install("bun");
  return await passes("bun", (file, only) => {
    const report = ["--reporter=junit", `--reporter-outfile=${file}`];
    const filter = only === undefined ? [] : ["--test-name-pattern", only];
    return succeeds(`${runtimeModules}/.bin/bun`, ["test", ...report, ...filter, "tests"], folder);
  });
}

async function testOnNode(): Promise<boolean> {
  const folder = await install("node");
  const sources = (await portableFiles()).filter((file) => file.endsWith("_test.ts"));
  // Node 20 reads neither TypeScript nor `using`. Packages stay outside the bundles, so that the
  // installed one is tested.
  const target = ["--bundle", "--packages=external", "--platform=node", "--format=esm"];
  const place = ["--outdir=out", "--outbase=.", "--out-extension:.js=.mjs", "--sourcemap=inline"];
  const esbuild = ["--target=node20", "--log-level=warning", ...target, ...place, ...sources];
  await run(`${runtimeModules}/.bin/esbuild`, esbuild, { cwd: folder });
  const files = sources.map((file) => `out/${file.replace(/\.ts$/, ".mjs")}`);
  const options = [
    "--enable-source-maps",
    "--test",
    // A process per file, and as many at once as there are cores: by default, one core is left out.
    `--test-concurrency=${navigator.hardwareConcurrency}`,
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    "--test-reporter=junit",
  ];
  return await passes("node", (file, only) => {
    const filter = only === undefined ? [] : [`--test-name-pattern=${only}`];
    const args = [...options, `--test-reporter-destination=${file}`, ...filter, ...files];
    return succeeds("node", args, folder);
  });
}

/** Creates a folder with the packed package, the packages that tests import, and the test files. */
async function install(runtime: string): Promise<string> {
  const archive = await pack();
  const folder = `${build}/${runtime}`;
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  for (const file of await portableFiles()) {
    await Deno.mkdir(`${folder}/${file}`.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.copyFile(`${root}/${file}`, `${folder}/${file}`);
  }
  for (const file of ["package.json", "package-lock.json", ".npmrc"]) {
    await Deno.copyFile(`${root}/tests/runtime/${file}`, `${folder}/${file}`);
  }
  const quiet = ["--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"];
  await run("npm", ["ci", ...quiet], { cwd: folder });
  await run("npm", ["install", "--no-save", ...quiet, archive], { cwd: folder });
  return folder;
}

async function portableFiles(): Promise<string[]> {
  const ignored = denoOnly.map((folder) => `tests/${folder}/`);
  return (await filesBelow("tests")).filter((file) =>
    !ignored.some((folder) => file.startsWith(folder))
  );
}

/** Prints how a run differs from Deno's. Resolves to whether it ran the same tests. */
async function compareWithDeno(runtime: string): Promise<boolean> {
  const [here, deno] = await Promise.all([readRun(runtime), readRun("deno")]);
  if (here === undefined || deno === undefined) return false;
  console.log(`\n${runtime} ${await version(runtime)}: ${counts(here)}; deno: ${counts(deno)}`);
  for (const folder of await denoOnlyFolders()) {
    const names = (await readRun(`deno-${folder}`))?.names ?? [];
    console.log(`\nonly on deno, tests/${folder} (${denoOnlyReasons[folder]}):`);
    names.forEach((name) => console.log(`  ${name}`));
  }
  const differences = [
    ...missing(deno.names, here.names).map((name) => `not run on ${runtime}: ${name}`),
    ...missing(here.names, deno.names).filter((name) => !BUN_ONLY.test(name)).map((name) =>
      `run only on ${runtime}: ${name}`
    ),
  ];
  if (differences.length > 0) {
    console.log(`\n${differences.join("\n")}\n(after a change: deno task test first)`);
  }
  return differences.length === 0;
}

/** Formats the counts of a run. */
export function counts(run: TestRun): string {
  const skipped = run.skipped > 0 ? `, ${run.skipped} skipped` : "";
  return `${run.passed} passed, ${run.failed} failed${skipped}`;
}

async function version(runtime: string): Promise<string> {
  const program = runtime === "bun" ? `${runtimeModules}/.bin/bun` : runtime;
  return (await output(program, ["--version"])).stdout.trim().split("\n")[0]!;
}

/** Runs a command, and shows what it prints. Resolves to whether it succeeds. */
export function succeeds(command: string, args: readonly string[], cwd = root): Promise<boolean> {
  return run(command, args, { cwd }).then(() => true, () => false);
}

if (import.meta.main) {
  const [runtime = "deno", ...some] = Deno.args;
  checkArguments(
    "deno task test | test:bun | test:node: all tests\n" +
      "       deno task test PATH... [OPTION...]: some of them, with options of `deno test`",
    Object.hasOwn(runners, runtime) &&
      (some.length === 0 || (runtime === "deno" && !some[0]!.startsWith("-"))),
  );
  if (some.length > 0) {
    Deno.exit(await succeeds("deno", ["test", "-A", "--quiet", testsConfig, ...some]) ? 0 : 1);
  }
  await Deno.mkdir(`${build}/junit`, { recursive: true });
  let ok = await runners[runtime as keyof typeof runners]();
  if (runtime !== "deno") {
    if (!await exists(junitFile("deno"))) ok = await testOnDeno() && ok;
    ok = await compareWithDeno(runtime) && ok;
  }
  if (!ok) Deno.exit(1);
}
