/**
 * Runs every program of examples/agents, each with its SDK and a model that follows a script, against one
 * `hooks serve`, and prints what the server received of each: `deno task demo:agents`.
 * @module
 */
import { HooksProcess } from "../examples/demo_process.ts";
import { printTable, printTitle } from "../examples/demo_report.ts";
import { hasRuntimes } from "./packed.ts";
import { build, checkArguments, filesBelow, output, root, runtimeModules } from "./run.ts";
import { installAdapters } from "./test_adapters.ts";

type ServerEvent = { readonly type: string };

checkArguments("deno task demo:agents", Deno.args.length === 0);
if (!await hasRuntimes("demo:agents")) Deno.exit(0);
const sdks = await installAdapters();
const folder = `${build}/agents`;
await Deno.remove(folder, { recursive: true }).catch(() => {});
await Deno.mkdir(folder, { recursive: true });
await Deno.symlink(`${sdks}/node_modules`, `${folder}/node_modules`);
const files = (await filesBelow("examples/agents")).map((path) => path.split("/").at(-1)!);
for (const file of files) {
  await Deno.copyFile(`${root}/examples/agents/${file}`, `${folder}/${file}`);
}

const token = crypto.randomUUID();
const env = { HOOKS_TOKEN: token };
await using server = new HooksProcess(["serve", "--port", "0", "--store", ":memory:"], {
  cwd: folder,
  env,
});
const url = await server.url;
const programs = files.filter((file) => /^(?!hooks|fake_).*\.mjs$/.test(file));
const rows: (string | number)[][] = [];
let failed = false;
for (const program of programs) {
  const sdk = program.replace(/\.mjs$/, "").replaceAll("_", "-");
  printTitle(sdk);
  const started = performance.now();
  const { success, all } = await run(program);
  console.log(all.trimEnd().replaceAll(/^/gm, "  "));
  const events = await received(sdk);
  const count = (type: string): number => events.filter((event) => event.type === type).length;
  const counts = ["agent.start", "tool.completed", "tool.denied", "gate.asked", "agent.end"].map(
    count,
  );
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  rows.push([sdk, events.length, ...counts, `${seconds} s`]);
  const runs = sdk === "mcp" ? 0 : 1; // MCP has only tools
  failed ||= !success || counts.join() !== `${runs},2,1,1,${runs}`;
}
printTitle("Received by hooks serve");
const heads = ["events", "runs", "tools run", "denied", "asked", "runs ended", "took"];
printTable([["SDK", ...heads], ...rows], 1);
console.log(failed ? "\nSOMETHING IS MISSING OR FAILED" : "\nNothing is missing");
if (failed) Deno.exitCode = 1;

async function run(program: string): Promise<{ readonly success: boolean; readonly all: string }> {
  await Deno.remove(`${folder}/agent.db`).catch(() => {});
  const node = `${runtimeModules}/node/bin/node`;
  const variables = [`HOOKS_URL=${url}`, `HOOKS_TOKEN=${token}`];
  const args = [...variables, node, "--disable-warning=ExperimentalWarning", program];
  return await output("env", args, { cwd: folder });
}

async function received(session: string): Promise<readonly ServerEvent[]> {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`${url}/events?session=${session}&limit=100`, { headers });
  const { events } = await response.json();
  return events;
}
