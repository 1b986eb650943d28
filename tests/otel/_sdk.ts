/** An SDK of OpenTelemetry that keeps what it gets in memory, and prints traces as trees. */
import * as api from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";

const spans = new InMemorySpanExporter();
const tracers = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
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
  const ended = [...spans.getFinishedSpans()];
  spans.reset();
  return ended;
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

/** Returns the tree of a trace, a line per span: its name, with two spaces per level, in order of start. */
export function treeOf(all: readonly ReadableSpan[]): readonly string[] {
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
