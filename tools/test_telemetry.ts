/**
 * Follows docs/telemetry.md in empty folders: installs what it says, with the packed package in place of the
 * published one, and runs its program on Node, Deno, and Bun with real SDKs of OpenTelemetry, which send to a
 * receiver of OTLP in this process.
 * @module
 */
import { type Block, blocksOf } from "../tests/house/documents.ts";
import { config, root, runtimeModules } from "./run.ts";

const PAGE = "docs/telemetry.md";
/** The versions that are installed, so that no other release fails the tests. */
const VERSIONS = { "@opentelemetry/api": "1.9.1", "@opentelemetry/sdk-node": "0.223.0" };
/** Which runtimes run what a package manager installed. Deno installs no archive, but takes `node_modules`. */
const RUNTIMES = { npm: ["node", "deno"], bun: ["bun"] };
/** What every runtime must send of the page's program. */
const SENT = [
  "execute_tool search",
  "send tool.called",
  "send tool.completed",
  "omniagent.hooks.events",
];

type Named = { readonly name: string };
/** A request of OTLP, as JSON. */
type Exported = {
  readonly resourceSpans?: readonly { readonly scopeSpans: readonly { spans: Named[] }[] }[];
  readonly resourceMetrics?: readonly { readonly scopeMetrics: readonly { metrics: Named[] }[] }[];
};

/** Runs the set-ups of the page. @throws {Error} if a command fails, or not everything is sent */
export async function runTelemetry(archive: string): Promise<void> {
  console.log(`\nset-ups of ${PAGE}:`);
  const blocks = blocksOf({ path: PAGE, text: await Deno.readTextFile(`${root}/${PAGE}`) });
  const lines = blocks.filter(({ language }) => language === "sh")
    .flatMap(({ code }) => code.trim().split("\n"));
  const versions = Object.entries({ ...VERSIONS, [config.name]: archive });
  for (const [installer, runtimes] of Object.entries(RUNTIMES)) {
    const cwd = await Deno.makeTempDir();
    await Deno.writeTextFile(`${cwd}/agent.mjs`, first(blocks, "ts"));
    await Deno.writeTextFile(`${cwd}/telemetry.mjs`, first(blocks, "js"));
    const install = lines.find((line) => line.startsWith(`${installer} `))!;
    const pinned = versions.reduce(
      (line, [name, version]) =>
        line.replace(name, name === config.name ? version : `${name}@${version}`),
      install,
    );
    await shell(pinned, { cwd });
    for (const runtime of runtimes) {
      const command = new RegExp(`\\b${runtime} .*agent\\.mjs$`);
      const names = await sentBy(lines.find((line) => command.test(line))!, cwd);
      console.log(`  ${runtime} sent ${[...names].sort().join(", ")}`);
      const missing = SENT.filter((name) => !names.has(name));
      if (missing.length > 0) throw new Error(`${runtime} did not send ${missing.join(", ")}`);
    }
    await Deno.remove(cwd, { recursive: true });
  }
}

/** Runs a command, and returns the names of the spans and metrics that it sent. */
async function sentBy(command: string, cwd: string): Promise<ReadonlySet<string>> {
  const exported: Exported[] = [];
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      exported.push(await request.json());
      return Response.json({});
    },
  );
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${server.addr.port}`,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
  };
  await shell(command, { cwd, env });
  const sent = exported.flatMap(({ resourceSpans = [], resourceMetrics = [] }) => [
    ...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
    ...resourceMetrics.flatMap(({ scopeMetrics }) =>
      scopeMetrics.flatMap((scope) => scope.metrics)
    ),
  ]);
  return new Set(sent.map(({ name }) => name));
}

/** Runs a line of the page in a shell that finds the runtimes of the tests. */
async function shell(
  line: string,
  { cwd, env = {} }: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<void> {
  console.log(`$ ${line.replace(`${root}/`, "")}`);
  const folders = [
    Deno.env.get("PATH"),
    `${runtimeModules}/.bin`,
    Deno.execPath().replace(/\/[^/]*$/, ""),
  ];
  const options = { cwd, env: { ...env, PATH: folders.join(":") }, stdin: "null" } as const;
  const { code, stderr } = await new Deno.Command("sh", { args: ["-c", line], ...options })
    .output();
  if (code === 0) return;
  throw new Error(`'${line}' failed with code ${code}: ${new TextDecoder().decode(stderr)}`);
}

/** Returns the first program of a language. */
function first(blocks: readonly Block[], language: string): string {
  const found = blocks.find((block) => block.language === language);
  if (found === undefined) throw new Error(`${PAGE} has no program in ${language}`);
  return found.code;
}
