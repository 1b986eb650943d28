import {
  BOUNDS,
  type Measurement,
  type Metric,
  type MetricDefinition,
  type MetricName,
  type MetricPoint,
  type MetricTable,
  type Series,
} from "./metrics.ts";

/** The metrics. The names are those of OpenTelemetry; `GET /metrics` derives those of Prometheus. */
export const METRICS: Readonly<Record<MetricName, MetricDefinition>> = {
  "omniagent.hooks.events": {
    kind: "counter",
    unit: "{event}",
    help: "Events that were accepted.",
    attributes: ["type"],
  },
  "omniagent.hooks.deliveries": {
    kind: "counter",
    unit: "{delivery}",
    help: "Deliveries that ended: delivered, dead, or expired.",
    attributes: ["target", "outcome"],
  },
  "omniagent.hooks.attempt.duration": {
    kind: "histogram",
    unit: "s",
    help: "How long attempts took: delivered, retry, final, or disable.",
    attributes: ["target", "outcome"],
  },
  "omniagent.hooks.gate.decisions": {
    kind: "counter",
    unit: "{decision}",
    help: "Verdicts of gates, and why gates or the store failed.",
    attributes: ["gate", "verdict", "failure"],
  },
  "omniagent.hooks.gate.duration": {
    kind: "histogram",
    unit: "s",
    help: "How long gates took.",
    attributes: ["gate"],
  },
  "omniagent.hooks.backlog": {
    kind: "gauge",
    unit: "{delivery}",
    help: "Deliveries that are pending.",
    attributes: ["target"],
  },
  "omniagent.hooks.backlog.age": {
    kind: "gauge",
    unit: "s",
    help: "How late the oldest due delivery is; 0 if none is due.",
    attributes: ["target"],
  },
  "omniagent.hooks.dead_letters": {
    kind: "gauge",
    unit: "{delivery}",
    help: "Deliveries that were given up and not replayed.",
    attributes: ["target"],
  },
  "omniagent.hooks.target.enabled": {
    kind: "gauge",
    unit: "",
    help: "Whether the target receives deliveries: 1, or 0 when it is disabled.",
    attributes: ["target"],
  },
};

/** Returns all metrics, those without a value included. */
export function listMetrics(
  table: MetricTable,
  gauges: readonly Measurement[],
): readonly Metric[] {
  return Object.entries(METRICS).map(([name, definition]): Metric => {
    const { series, minutes } = table.recorded(name as MetricName);
    const points = definition.kind === "gauge"
      ? gauges.filter((gauge) => gauge.name === name)
      : pointsOf(definition, series);
    return {
      name,
      ...definition,
      points: points.map((point) => ({ ...point, attributes: { ...point.attributes } })),
      ...(minutes && {
        minutes: minutes.map(({ start, series }) => {
          return { start, points: pointsOf(definition, series) };
        }),
      }),
    };
  });
}

function pointsOf(
  { kind }: MetricDefinition,
  series: readonly Series[],
): readonly MetricPoint[] {
  return series.map(kind === "histogram" ? histogramOf : pointOf);
}

function pointOf({ attributes, value }: Series): MetricPoint {
  return { attributes, value };
}

function histogramOf({ attributes, value, count, buckets }: Series): MetricPoint {
  let sum = 0;
  const cumulative = BOUNDS.map((le, index) => ({ le, count: sum += buckets[index] ?? 0 }));
  return { attributes, value, count, buckets: cumulative };
}
