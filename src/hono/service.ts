import * as v from "valibot";
import type { Metric, MetricAttributes, MetricPoint } from "../core/metrics.ts";
import { deadline } from "../internal/async.ts";
import type { Outbox } from "../outbox/mod.ts";
import { isStoreHook } from "../webhook_store/store_hook.ts";
import { respond, respondJson } from "./context.ts";
import { READY_TIMEOUT } from "./limits.ts";
import { Problem } from "./problems.ts";
import { defineRoute, type Route } from "./router.ts";
import * as s from "./schemas.ts";
import { isStreamHook } from "./stream/live.ts";

/** The text format of Prometheus. */
const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

const hook = s.object({
  name: s.string,
  kind: s.oneOf("handler", "hook", "webhook"),
  events: s.list(s.eventPattern),
  durable: s.boolean,
});

/** The routes about the process itself. */
export const serviceRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/metrics",
    scope: "read",
    operationId: "getMetrics",
    summary: "Get metrics in the text format of Prometheus",
    description: "Counters and histograms are those of this process, gauges those of the outbox.",
    response: {
      description: "The metrics",
      mediaType: "text/plain",
      schema: v.string(),
      example: "# TYPE omniagent_hooks_backlog gauge\n" +
        'omniagent_hooks_backlog{target="audit"} 3\n',
    },
    problems: ["outbox_unavailable"],
    async handle(c) {
      const metrics = await c.get("hooksRequest").app.registry.metrics();
      return respond(c, 200, prometheusText(metrics), { "content-type": METRICS_TYPE });
    },
  }),
  defineRoute({
    method: "GET",
    path: "/hooks",
    scope: "read",
    operationId: "listHooks",
    summary: "List registered handlers, hooks and webhooks",
    response: {
      description: "In the order in which they are called",
      schema: s.object({ hooks: s.list(hook) }),
      example: { hooks: [{ name: "audit", kind: "webhook", events: ["tool.*"], durable: true }] },
    },
    handle(c) {
      const { registry } = c.get("hooksRequest").app;
      const registered = registry.list().filter(({ name }) =>
        !isStreamHook(name) && !isStoreHook(name)
      );
      return respondJson(c, 200, { hooks: registered.map((one) => s.toJson(hook, one)) });
    },
  }),
  defineRoute({
    method: "GET",
    path: "/health",
    operationId: "health",
    summary: "Check that the process responds",
    response: {
      description: "It does",
      schema: s.object({ status: s.oneOf("ok") }),
      example: { status: "ok" },
    },
    handle: (c) => respondJson(c, 200, { status: "ok" }),
  }),
  defineRoute({
    method: "GET",
    path: "/ready",
    operationId: "ready",
    summary: "Check that events are accepted: hooks are initialized, and the store accepts commits",
    response: {
      description: "They are",
      schema: s.object({ status: s.oneOf("ready") }),
      example: { status: "ready" },
    },
    problems: ["hooks_closed", "hooks_not_ready", "outbox_unavailable"],
    async handle(c) {
      const { registry, outbox } = c.get("hooksRequest").app;
      await registry.init();
      if (outbox) await checkStore(outbox);
      return respondJson(c, 200, { status: "ready" });
    },
  }),
];

async function checkStore(outbox: Outbox): Promise<void> {
  const error = () => new Error(`The store did not respond within ${READY_TIMEOUT} ms`);
  try {
    await deadline(outbox.checkStore(), READY_TIMEOUT, { error });
  } catch (cause) {
    throw Problem.unavailable("outbox_unavailable", cause);
  }
}

/** Returns metrics in the text format of Prometheus, by the names that OpenTelemetry exports them under. */
function prometheusText(metrics: readonly Metric[]): string {
  return metrics.map((metric) => {
    const name = prometheusName(metric);
    const head = `# HELP ${name} ${metric.help}\n# TYPE ${name} ${metric.kind}\n`;
    return head + metric.points.map((point) => linesOf(name, point)).join("");
  }).join("");
}

/** Returns the name of a metric by the rules of OpenTelemetry: the unit and `_total` are suffixes. */
function prometheusName(
  { name, kind, unit }: Pick<Metric, "name" | "kind" | "unit">,
): string {
  const suffixes = [...(unit === "s" ? ["seconds"] : []), ...(kind === "counter" ? ["total"] : [])];
  return [name.replaceAll(".", "_"), ...suffixes].join("_");
}

function linesOf(name: string, { attributes, value, count, buckets }: MetricPoint): string {
  if (buckets === undefined) return line(name, attributes, value);
  const all = [...buckets.map(({ le, count }) => [String(le), count] as const), ["+Inf", count!]];
  return [
    ...all.map(([le, count]) =>
      line(`${name}_bucket`, { ...attributes, le: `${le}` }, Number(count))
    ),
    line(`${name}_sum`, attributes, value),
    line(`${name}_count`, attributes, count!),
  ].join("");
}

function line(name: string, attributes: MetricAttributes, value: number): string {
  const labels = Object.entries(attributes).map(([key, text]) => `${key}="${escape(text)}"`);
  return `${name}${labels.length > 0 ? `{${labels.join(",")}}` : ""} ${value}\n`;
}

function escape(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
