/** An SDK of OpenTelemetry that keeps what it gets in memory, and prints traces as trees. */
import * as api from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
import {
  BasicTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanExporter,
} from "@opentelemetry/sdk-trace-base";

let ended: ReadableSpan[] = [];
/** In memory, like the SDK's own, but without a timer per span, which Deno would find in every test. */
const exporter: SpanExporter = {
  export(spans, done) {
    ended.push(...spans);
    done({ code: 0 });
  },
  shutdown: () => Promise.resolve(),
};
const tracers = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
const reader = new (class extends MetricReader {
  override async onForceFlush(): Promise<void> {}
  override async onShutdown(): Promise<void> {}
})();
api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
api.trace.setGlobalTracerProvider(tracers);
api.metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));

export { api };

/** Returns the spans that ended since the last call. */
export async function takeSpans(): Promise<readonly ReadableSpan[]> {
  await tracers.forceFlush();
  const spans = ended;
  ended = [];
  return spans;
}

/** Collects metrics, and returns the values of one by its attributes. */
export async function valuesOf(name: string): Promise<ReadonlyMap<string, unknown>> {
  const { resourceMetrics } = await reader.collect();
  const found = resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics)
    .find(({ descriptor }) => descriptor.name === name);
  return new Map(
    found?.dataPoints.map(({ attributes, value }) => [
      JSON.stringify(attributes),
      value as unknown,
    ]),
  );
}

/** Returns spans of some instrumentation scopes. Each belongs to the next one above it that is of them, too. */
export function ofScopes(
  all: readonly ReadableSpan[],
  scopes: readonly string[],
): readonly TreeSpan[] {
  const isShown = ({ instrumentationScope }: ReadableSpan): boolean =>
    scopes.includes(instrumentationScope.name);
  const parent = ({ parentSpanContext }: ReadableSpan): ReadableSpan | undefined => {
    const found = all.find((span) => span.spanContext().spanId === parentSpanContext?.spanId);
    return found === undefined || isShown(found) ? found : parent(found);
  };
  return all.filter(isShown).map((span) => ({
    name: span.name,
    startTime: span.startTime,
    spanContext: () => span.spanContext(),
    parentSpanContext: parent(span)?.spanContext(),
  }));
}

/** What a tree shows of a span. */
type TreeSpan = Pick<ReadableSpan, "name" | "startTime" | "spanContext"> & {
  readonly parentSpanContext?: ReturnType<ReadableSpan["spanContext"]> | undefined;
};

/** Returns the tree of a trace, a line per span: its name, with two spaces per level, in order of start. */
export function treeOf(all: readonly TreeSpan[]): readonly string[] {
  const lines: string[] = [];
  const add = (parent: string | undefined, depth: number): void => {
    const children = all.filter(({ parentSpanContext }) => parentSpanContext?.spanId === parent)
      .sort((a, b) => a.startTime[0] - b.startTime[0] || a.startTime[1] - b.startTime[1]);
    for (const span of children) {
      lines.push(`${"  ".repeat(depth)}${span.name}`);
      add(span.spanContext().spanId, depth + 1);
    }
  };
  add(undefined, 0);
  return lines;
}
