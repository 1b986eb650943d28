/**
 * The gate: runs every check of the repository and prints its name and time. A step that fails prints its
 * output, and the others still run.
 *
 * `deno task ok` runs all, `deno task ok lint types` those, `deno task ok --skip tests` all but
 * one.
 * @module
 */
import {
  build,
  checkArguments,
  config,
  entries,
  exists,
  output,
  root,
  testsConfig,
} from "./run.ts";

type Command = readonly [command: string, ...args: string[]];

const sources = await present("mod.ts", "src", "tools", "examples");
// All of them must exist, so that no example goes unchecked.
const documents = ["mod.ts", "src", "docs", "skills", "README.md"];
const docsReport = `--junit-path=${build}/junit/docs.xml`;
const dirty = Deno.env.has("CI") ? [] : ["--allow-dirty"];

const steps: Record<string, readonly Command[]> = {
  format: [["deno", "fmt", "--check"]],
  // The package prints nothing by itself; tests, tools and examples may.
  lint: [["deno", "lint"], ["deno", "lint", "--rules-include=no-console", "mod.ts", "src"]],
  types: [["deno", "check", ...sources], ["deno", "check", testsConfig, "tests"]],
  // One call for all entries: a symbol that two entries share is then seen once.
  docs: [
    ["deno", "doc", "--lint", ...entries],
    // Some import packages that only tests have, such as other libraries that sign webhooks.
    ["deno", "check", "--doc", testsConfig, ...documents],
    ["deno", "test", "--doc", "-A", testsConfig, docsReport, ...documents],
  ],
  tests: [["deno", "task", "test"]],
  soak: [
    ["deno", "task", "soak", "--short"],
    ["deno", "task", "soak", "--short", "--sqlite"],
    ["deno", "task", "soak", "--short", "--postgres"],
    ["deno", "task", "soak:gates", "--short"],
  ],
  memory: [["deno", "task", "soak:memory", "--short", "--runtime", "deno"]],
  publish: [["deno", "publish", "--dry-run", ...dirty]],
};

const names = selected(Deno.args);
const failed: string[] = [];
await Deno.mkdir(`${build}/junit`, { recursive: true });
console.log(`gate of ${config.name} ${config.version}, Deno ${Deno.version.deno}`);
for (const name of names) {
  const start = performance.now();
  const failure = await attempt(steps[name]!);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${failure === undefined ? "ok    " : "FAILED"} ${name.padEnd(8)} ${seconds} s`);
  if (failure === undefined) continue;
  failed.push(name);
  console.log(failure.trimEnd().replaceAll(/^/gm, "       "));
}
if (failed.length > 0) {
  console.log(`\n${failed.length} of ${names.length} steps failed: ${failed.join(", ")}`);
  Deno.exit(1);
}
console.log(`\nall ${names.length} steps passed`);

/** Runs the commands of a step. Resolves to the output of the first one that fails. */
async function attempt(commands: readonly Command[]): Promise<string | undefined> {
  for (const [command, ...args] of commands) {
    const { success, all } = await output(command, args);
    if (!success) return `$ ${[command, ...args].join(" ").replaceAll(`${root}/`, "")}\n${all}`;
  }
  return undefined;
}

function selected(args: readonly string[]): string[] {
  const skip = args[0] === "--skip";
  const chosen = skip ? args.slice(1) : args;
  const unknown = chosen.filter((name) => !(name in steps));
  checkArguments(
    `deno task ok [--skip] [STEP...]\nSteps: ${Object.keys(steps).join(", ")}`,
    unknown.length === 0 && !(skip && chosen.length === 0),
  );
  if (chosen.length === 0) return Object.keys(steps);
  return Object.keys(steps).filter((name) => chosen.includes(name) !== skip);
}

async function present(...paths: string[]): Promise<string[]> {
  const found = await Promise.all(paths.map((path) => exists(`${root}/${path}`)));
  return paths.filter((_, index) => found[index]);
}
