import { METRICS } from "../core/list_metrics.ts";
import {
  BOUNDS,
  type Measurement,
  type MetricAttributes,
  type MetricName,
} from "../core/metrics.ts";
import type { SpanOutcome, Spans, Telemetry, TelemetrySpan } from "../core/telemetry.ts";
import { isThenable } from "../internal/async.ts";
import { checkKnown } from "../internal/options.ts";
import { checkObject } from "../internal/validate.ts";
import type {
  OpenTelemetryApi,
  OtelContext,
  OtelMeter,
  OtelMetricOptions,
  OtelSpan,
  OtelSpanContext,
} from "./api.ts";
import { CONTENT, endOf, startOf } from "./conventions.ts";

/** The instrumentation scope of spans and metrics. */
const SCOPE = "@omniagent/hooks";
/** Characters of an attribute with content: backends truncate or reject longer ones. */
const MAX_CONTENT = 16 * 1024;
/** `SpanStatusCode.ERROR`. */
const ERROR = 2;

/** Options of `otel`. */
export interface OtelOptions {
  /**
   * Whether spans have the parameters and results of tools, as `redact` of the hooks returns them, and the
   * messages of errors. Gates may have rewritten them, but they may still contain secrets. @default {false}
   */
  readonly captureContent?: boolean | undefined;
}

/**
 * Returns telemetry that sends spans and metrics through OpenTelemetry: to the SDK that is registered when
 * the hooks are created. Without an SDK it does nothing.
 *
 * ```ts
 * import * as api from "@opentelemetry/api";
 * import { createHooks } from "@omniagent/hooks";
 * import { otel } from "@omniagent/hooks/otel";
 *
 * const hooks = createHooks({ telemetry: otel(api) });
 * await hooks.call("search", { query: "hooks" }, () => "found"); // a span: execute_tool search
 * await hooks.close();
 * ```
 *
 * @param api The module `@opentelemetry/api`, 1.4 or later
 * @throws {TypeError} when an argument is invalid
 */
export function otel(api: OpenTelemetryApi, options: OtelOptions = {}): Telemetry {
  const subject = "Cannot use OpenTelemetry";
  checkObject(subject, "'api'", api);
  checkObject(subject, "the options", options);
  checkKnown(subject, options, ["captureContent"]);
  if (typeof api.trace?.getTracer !== "function" || typeof api.context?.with !== "function") {
    throw new TypeError(`${subject}: 'api' must be the module "@opentelemetry/api"`);
  }
  const { captureContent = false } = options;
  const instruments = new Instruments(() => api.metrics.getMeter(SCOPE));
  return {
    span: (name, attributes, fn) => inSpan(api, captureContent, name, attributes, fn),
    inject: () => traceparentOf(api.trace.getSpan(api.context.active())?.spanContext()),
    bind: () => bound(api),
    count: (name, value, attributes) => instruments.counter(name).add(value, attributes),
    record: (name, value, attributes) => instruments.histogram(name).record(value, attributes),
    observe: (read) => instruments.observe(read),
  };
}

function inSpan<Name extends keyof Spans, Result>(
  api: OpenTelemetryApi,
  captureContent: boolean,
  name: Name,
  attributes: Spans[Name],
  fn: (span: TelemetrySpan) => Result,
): Result {
  const { title, kind, attributes: started } = startOf(name, attributes);
  const { traceparent } = attributes as { readonly traceparent?: string };
  const remote = spanContextOf(traceparent);
  const parent = parentOf(api, name, remote);
  const links = name === "process" && remote ? [{ context: remote }] : [];
  const tracer = api.trace.getTracer(SCOPE);
  const span = tracer.startSpan(title, { kind, attributes: started, links }, parent);
  const set = (outcome: SpanOutcome): void => note(span, name, outcome, captureContent);
  const fail = (error: unknown): void => {
    set({ error: error instanceof Error ? error.name : "_OTHER" });
    const message = captureContent && error instanceof Error ? { message: error.message } : {};
    span.setStatus({ code: ERROR, ...message });
    span.end();
  };
  return api.context.with(api.trace.setSpan(parent, span), () => {
    let result: Result;
    try {
      result = fn({ set });
    } catch (error) {
      fail(error);
      throw error;
    }
    if (isThenable(result)) result.then(() => span.end(), fail);
    else span.end();
    return result;
  });
}

/** Binds only the span: the rest of the caller's context, such as baggage, stays. */
function bound({ context, trace }: OpenTelemetryApi): <Result>(fn: () => Result) => Result {
  const span = trace.getSpan(context.active());
  return (fn) =>
    span === undefined ? fn() : context.with(trace.setSpan(context.active(), span), fn);
}

function note(
  span: OtelSpan,
  name: keyof Spans,
  outcome: SpanOutcome,
  captureContent: boolean,
): void {
  for (const [key, value] of Object.entries(endOf(name, outcome))) span.setAttribute(key, value);
  if (outcome.error !== undefined) span.setStatus({ code: ERROR });
  if (!captureContent || outcome.content === undefined || !span.isRecording()) return;
  for (const [key, value] of Object.entries(outcome.content())) {
    const attribute = CONTENT[key];
    if (attribute === undefined || value === undefined) continue;
    const text = typeof value === "string" ? value : JSON.stringify(value);
    span.setAttribute(attribute, text.slice(0, MAX_CONTENT));
  }
}

/**
 * Returns the context in which a span starts. An attempt belongs to the trace of its event, no matter which
 * span is active when it starts. All others belong to the active span, unless the event names another trace.
 */
function parentOf(
  { trace, context, ROOT_CONTEXT }: OpenTelemetryApi,
  name: keyof Spans,
  remote: OtelSpanContext | undefined,
): OtelContext {
  const ofEvent = remote && trace.setSpanContext(ROOT_CONTEXT, remote);
  if (name === "process") return ofEvent ?? ROOT_CONTEXT;
  const active = context.active();
  const current = trace.getSpan(active)?.spanContext();
  return ofEvent === undefined || current?.traceId === remote!.traceId ? active : ofEvent;
}

/** Returns the span that a `traceparent` of W3C Trace Context names. It was validated when it was received. */
function spanContextOf(traceparent: string | undefined): OtelSpanContext | undefined {
  if (traceparent === undefined) return undefined;
  const [, traceId, spanId, flags] = traceparent.split("-") as [string, string, string, string];
  return { traceId, spanId, traceFlags: parseInt(flags, 16), isRemote: true };
}

/** Returns the `traceparent` of a span; undefined if it isn't valid, as without an SDK. */
function traceparentOf(context: OtelSpanContext | undefined): string | undefined {
  if (context === undefined || /^0*$/.test(context.traceId)) return undefined;
  const flags = (context.traceFlags & 0xff).toString(16).padStart(2, "0");
  return `00-${context.traceId}-${context.spanId}-${flags}`;
}

type Counter = ReturnType<OtelMeter["createCounter"]>;
type Histogram = ReturnType<OtelMeter["createHistogram"]>;

/** The instruments of metrics, created when they are first used: by then the SDK is registered. */
class Instruments {
  readonly #meterOf: () => OtelMeter;
  readonly #counters = new Map<MetricName, Counter>();
  readonly #histograms = new Map<MetricName, Histogram>();

  constructor(meterOf: () => OtelMeter) {
    this.#meterOf = meterOf;
  }

  counter(name: MetricName): Counter {
    const known = this.#counters.get(name);
    if (known !== undefined) return known;
    const counter = this.#meterOf().createCounter(name, optionsOf(name));
    this.#counters.set(name, counter);
    return counter;
  }

  histogram(name: MetricName): Histogram {
    const known = this.#histograms.get(name);
    if (known !== undefined) return known;
    const advice = { explicitBucketBoundaries: [...BOUNDS] };
    const histogram = this.#meterOf().createHistogram(name, { ...optionsOf(name), advice });
    this.#histograms.set(name, histogram);
    return histogram;
  }

  /** Reads gauges when metrics are collected. */
  observe(read: () => Promise<readonly Measurement[]>): () => void {
    const meter = this.#meterOf();
    const gauges = new Map<string, unknown>();
    for (const [name, { kind }] of Object.entries(METRICS)) {
      if (kind !== "gauge") continue;
      gauges.set(name, meter.createObservableGauge(name, optionsOf(name as MetricName)));
    }
    const callback = async (
      result: { observe(gauge: unknown, value: number, attributes: MetricAttributes): void },
    ): Promise<void> => {
      for (const { name, value, attributes } of await read()) {
        const gauge = gauges.get(name);
        if (gauge !== undefined) result.observe(gauge, value, attributes);
      }
    };
    const observables = [...gauges.values()];
    meter.addBatchObservableCallback(callback, observables);
    return () => meter.removeBatchObservableCallback(callback, observables);
  }
}

function optionsOf(name: MetricName): OtelMetricOptions {
  const { help, unit } = METRICS[name];
  return { description: help, unit };
}
