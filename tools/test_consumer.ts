/**
 * Uses the packed package as users do, installed by npm and by Bun in empty folders. Imports every entry, runs
 * the command, the quickstart, and the set-ups of docs/telemetry.md, and type-checks a program, declarations
 * included, with the oldest and the newest supported TypeScript.
 * @module
 */
import { pack } from "./pack.ts";
import { build, checkArguments, config, output, root, run, runtimeModules } from "./run.ts";
import { runTelemetry } from "./test_telemetry.ts";

const folder = `${build}/consumer`;
const folderOfBun = `${build}/consumer-bun`;
const bun = `${runtimeModules}/.bin/bun`;
const compilers = ["typescript5", "typescript"];
const resolutions = {
  bundler: { module: "esnext", moduleResolution: "bundler" },
  nodenext: { module: "nodenext", moduleResolution: "nodenext" },
};
/** Where the types of globals come from. `Symbol.dispose` of a registration needs one of the two. */
const globals = {
  "esnext.disposable": { lib: ["es2023", "dom", "esnext.disposable"], types: [] },
  "@types/node": { lib: ["es2023"], types: ["node"], typeRoots: [`${runtimeModules}/@types`] },
};

checkArguments("deno task test:consumer", Deno.args.length === 0);
const archive = await pack();
await install();
await installByBun();
await importEntries();
await runQuickstart();
await runTelemetry(archive);
await checkTypes();

async function install(): Promise<void> {
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.mkdir(folder);
  await Deno.writeTextFile(`${folder}/package.json`, `{ "private": true, "type": "module" }`);
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
  await run("npm", ["install", ...quiet, archive], { cwd: folder });
  await Deno.copyFile(`${root}/examples/quickstart.ts`, `${folder}/quickstart.ts`);
  await Deno.copyFile(`${root}/tests/consumer/main.ts`, `${folder}/main.ts`);
}

async function installByBun(): Promise<void> {
  await Deno.remove(folderOfBun, { recursive: true }).catch(() => {});
  await Deno.mkdir(folderOfBun);
  await Deno.writeTextFile(`${folderOfBun}/package.json`, `{ "private": true, "type": "module" }`);
  await run(bun, ["add", "--silent", archive], { cwd: folderOfBun });
}

/** Each runtime imports the package that its own package manager installed. */
async function importEntries(): Promise<void> {
  const names = Object.keys(config.exports).map((entry) => config.name + entry.slice(1));
  const program = `${names.map((name) => `import "${name}";`).join("\n")}
console.log("${names.length} entries imported");\n`;
  for (const [runtime, cwd] of [["node", folder], [bun, folderOfBun]] as const) {
    console.log(`\nentries and command on ${runtime === bun ? "Bun" : "Node"}:`);
    await Deno.writeTextFile(`${cwd}/entries.mjs`, program);
    await run(runtime, ["entries.mjs"], { cwd });
    await run(runtime, ["node_modules/.bin/hooks", "--version"], { cwd });
  }
}

async function runQuickstart(): Promise<void> {
  console.log("\nquickstart on Bun:");
  await run(bun, ["quickstart.ts"], { cwd: folder });
  console.log("\nquickstart on Node:");
  const lowered = ["--format=esm", "--target=node20", "--outfile=quickstart.mjs"];
  await run(
    `${runtimeModules}/.bin/esbuild`,
    ["quickstart.ts", "--log-level=warning", ...lowered],
    {
      cwd: folder,
    },
  );
  await run("node", ["quickstart.mjs"], { cwd: folder });
}

async function checkTypes(): Promise<void> {
  console.log("\ntypes, with strict and without skipLibCheck:");
  let failed = false;
  for (const compiler of compilers) {
    const tsc = `${runtimeModules}/${compiler}/bin/tsc`;
    const version = (await output("node", [tsc, "--version"])).stdout.trim();
    for (const [resolution, modules] of Object.entries(resolutions)) {
      for (const [source, types] of Object.entries(globals)) {
        const target = { strict: true, skipLibCheck: false, noEmit: true, target: "es2022" };
        const compilerOptions = { ...target, ...modules, ...types };
        const project = JSON.stringify({ compilerOptions, files: ["main.ts"] }, null, 2);
        await Deno.writeTextFile(`${folder}/tsconfig.json`, project);
        const { success, all } = await output("node", [tsc, "--project", folder]);
        console.log(`${success ? "ok    " : "FAILED"} ${version}, ${resolution}, ${source}`);
        if (!success) console.log(all.replaceAll(/^/gm, "       "));
        failed ||= !success;
      }
    }
  }
  if (failed) Deno.exit(1);
}
