/**
 * The part of `@opentelemetry/api` 1.x that this package uses, so that it needs no dependency. The module
 * itself has this type.
 */
export interface OpenTelemetryApi {
  /** Starts spans, and finds the active one. */
  readonly trace: {
    /** Returns a tracer. */
    getTracer(name: string, version?: string): OtelTracer;
    /** Returns the span of a context. */
    getSpan(context: OtelContext): OtelSpan | undefined;
    /** Returns a context with a span. */
    setSpan(context: OtelContext, span: OtelSpan): OtelContext;
    /** Returns a context with a span of another process. */
    setSpanContext(context: OtelContext, spanContext: OtelSpanContext): OtelContext;
  };
  /** Says which span is active. */
  readonly context: {
    /** Returns the active context. */
    active(): OtelContext;
    /** Calls a function in a context. */
    with<Result>(context: OtelContext, fn: () => Result): Result;
  };
  /** Creates instruments. */
  readonly metrics: {
    /** Returns a meter. */
    getMeter(name: string, version?: string): OtelMeter;
  };
  /** The context without a span. */
  readonly ROOT_CONTEXT: OtelContext;
}

/** A `Context` of OpenTelemetry. */
export interface OtelContext {
  /** Returns a value. */
  getValue(key: symbol): unknown;
  /** Returns a context with a value. */
  setValue(key: symbol, value: unknown): OtelContext;
  /** Returns a context without a value. */
  deleteValue(key: symbol): OtelContext;
}

/** A `SpanContext` of OpenTelemetry. */
export interface OtelSpanContext {
  /** The trace, 32 hexadecimal digits. */
  readonly traceId: string;
  /** The span, 16 hexadecimal digits. */
  readonly spanId: string;
  /** Whether it is sampled: the lowest bit. */
  readonly traceFlags: number;
  /** Whether another process started it. */
  readonly isRemote?: boolean;
}

/** Attributes of OpenTelemetry. */
export type OtelAttributes = { [name: string]: string | number | boolean };

/** A `Span` of OpenTelemetry. */
export interface OtelSpan {
  /** Returns its ids. */
  spanContext(): OtelSpanContext;
  /** Returns whether attributes are recorded. */
  isRecording(): boolean;
  /** Sets an attribute. */
  // deno-lint-ignore no-explicit-any -- it returns itself, and has more methods
  setAttribute(name: string, value: string | number | boolean): any;
  /** Sets its status. */
  // deno-lint-ignore no-explicit-any
  setStatus(status: { code: number; message?: string }): any;
  /** Ends it, now. */
  end(): void;
}

/** A `Tracer` of OpenTelemetry. */
export interface OtelTracer {
  /** Starts a span. */
  startSpan(
    name: string,
    options: { kind?: number; attributes?: OtelAttributes; links?: { context: OtelSpanContext }[] },
    context: OtelContext,
  ): OtelSpan;
}

/** A `Meter` of OpenTelemetry. */
export interface OtelMeter {
  /** Creates a counter. */
  createCounter(name: string, options: OtelMetricOptions): {
    /** Adds to it. */
    add(value: number, attributes?: OtelAttributes): void;
  };
  /** Creates a histogram. */
  createHistogram(name: string, options: OtelMetricOptions): {
    /** Adds a value. */
    record(value: number, attributes?: OtelAttributes): void;
  };
  /** Creates a gauge that is read when metrics are collected. */
  // deno-lint-ignore no-explicit-any -- gauges are opaque
  createObservableGauge(name: string, options: OtelMetricOptions): any;
  /** Registers a callback that reads gauges. */
  // deno-lint-ignore no-explicit-any
  addBatchObservableCallback(callback: (result: any) => Promise<void>, observables: any[]): void;
  /** Removes the callback. */
  // deno-lint-ignore no-explicit-any
  removeBatchObservableCallback(callback: (result: any) => Promise<void>, observables: any[]): void;
}

/** Options of an instrument of OpenTelemetry. */
export interface OtelMetricOptions {
  /** What it measures. */
  description?: string;
  /** Its unit. */
  unit?: string;
  /** The buckets of a histogram. */
  advice?: { explicitBucketBoundaries?: number[] };
}
