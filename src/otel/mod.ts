/**
 * Traces and metrics through OpenTelemetry, on `@opentelemetry/api` 1.x, which you pass: this package
 * depends on no SDK.
 *
 * ```ts
 * import * as api from "@opentelemetry/api";
 * import { createHooks } from "@omniagent/hooks";
 * import { otel } from "@omniagent/hooks/otel";
 *
 * const hooks = createHooks({ telemetry: otel(api) });
 * await hooks.emit("tool.called", { name: "bash" }); // a span: send tool.called
 * await hooks.close();
 * ```
 *
 * @module
 */
export type {
  OpenTelemetryApi,
  OtelAttributes,
  OtelContext,
  OtelMeter,
  OtelMetricOptions,
  OtelSpan,
  OtelSpanContext,
  OtelTracer,
} from "./api.ts";
export { otel, type OtelOptions } from "./otel.ts";
export type {
  EventAttributes,
  SpanOutcome,
  Spans,
  Telemetry,
  TelemetrySpan,
} from "../core/telemetry.ts";
export type {
  Measurement,
  Metric,
  MetricAttributes,
  MetricDefinition,
  MetricMinute,
  MetricName,
  MetricPoint,
} from "../core/metrics.ts";
