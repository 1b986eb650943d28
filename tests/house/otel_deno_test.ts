/** Traces and metrics through the OpenTelemetry of Deno itself, which sends them to a receiver of OTLP here. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { test } from "../support/harness.ts";

type Span = {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly startTimeUnixNano: string;
};
type Scopes<Name extends string, Item> = readonly (
  & { readonly scope: { readonly name: string } }
  & { readonly [key in Name]: readonly Item[] }
)[];
type Exported = {
  readonly resourceSpans?: readonly { readonly scopeSpans: Scopes<"spans", Span> }[];
  readonly resourceMetrics?: readonly {
    readonly scopeMetrics: Scopes<"metrics", { readonly name: string }>;
  }[];
};

test("with OTEL_DENO, one trace goes from a tool call through two retries to the receiver", async () => {
  const exported = await exportedBy(new URL("./otel_deno_program.ts", import.meta.url));
  const spans = exported.flatMap(({ resourceSpans = [] }) => resourceSpans)
    .flatMap(({ scopeSpans }) => scopeSpans).flatMap(({ spans }) => spans);
  const tree = treeOf(spans);
  console.log(tree.join("\n"));
  // Deno has spans of its own for a request and for what serves it: both belong to the attempt.
  assert.deepEqual(tree, [
    "execute_tool search",
    "  run_guardrail policy",
    "  send tool.called",
    "    process audit",
    "      POST",
    "      POST",
    "    process audit",
    "      POST",
    "      POST",
    "    process audit",
    "      POST",
    "      POST",
    "        process tool.called",
    "  send gate.decided",
    "  send tool.completed",
  ]);
  assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 1);
  const metrics = exported.flatMap(({ resourceMetrics = [] }) => resourceMetrics)
    .flatMap(({ scopeMetrics }) => scopeMetrics)
    .flatMap(({ scope, metrics }) => scope.name === "@omniagent/hooks" ? metrics : []);
  const names = new Set(metrics.map(({ name }) => name));
  for (const name of ["events", "deliveries", "attempt.duration", "gate.decisions"]) {
    assert.ok(names.has(`omniagent.hooks.${name}`), `${name} of ${[...names]}`);
  }
});

/** Runs a program, and returns what it exported. */
async function exportedBy(program: URL): Promise<readonly Exported[]> {
  const exported: Exported[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request.setEncoding("utf8")) body += part;
    exported.push(JSON.parse(body));
    response.setHeader("content-type", "application/json").end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const config = new URL("../deno.json", import.meta.url).pathname;
  try {
    await promisify(execFile)(
      process.execPath,
      ["run", "-A", "--quiet", `--config=${config}`, program.pathname],
      {
        env: {
          ...process.env,
          OTEL_DENO: "true",
          OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
          OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
        },
      },
    );
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  return exported;
}

/** Returns spans as a tree, a line each, in order of their start. */
function treeOf(spans: readonly Span[], parent?: string, depth = 0): readonly string[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  return spans
    .filter(({ parentSpanId = "" }) =>
      parent === undefined ? !ids.has(parentSpanId) : parentSpanId === parent
    )
    .sort((a, b) => Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano)))
    .flatMap(({ name, spanId }) => [
      "  ".repeat(depth) + name,
      ...treeOf(spans, spanId, depth + 1),
    ]);
}
