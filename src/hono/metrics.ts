import * as v from "valibot";
import type { Metric, MetricAttributes, MetricPoint } from "../core/metrics.ts";
import { respond } from "./context.ts";
import { defineRoute, type Route } from "./router.ts";

/** The text format of Prometheus. */
const MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** `GET /metrics`, for Prometheus. */
export const metricsRoute: Route = defineRoute({
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
    return respond(c, 200, prometheusText(metrics), { "content-type": MEDIA_TYPE });
  },
});

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
