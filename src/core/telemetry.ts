import { correlationOf } from "./event_rules.ts";
import type { HookEvent } from "./events.ts";
import type { Measurement, MetricAttributes, MetricName } from "./metrics.ts";

/** The attributes of an event in a span, and its trace. */
export type EventAttributes = {
  /** The event's id. */
  readonly id: string;
  /** The event's type. */
  readonly type: string;
  /** The session of the event. */
  readonly sessionId?: string;
  /** The run of the event. */
  readonly runId?: string;
  /** The trace of the event. */
  readonly traceparent?: string;
};

/** The spans of this package, and what each starts with. */
export type Spans = {
  /** An agent runs, from `agent.start` to `agent.end`. Only adapters start it. */
  readonly agent: {
    /** The run. */
    readonly runId: string;
    /** The agent. */
    readonly agentId?: string | undefined;
    /** The name of the agent. */
    readonly name?: string | undefined;
    /** The session of the run. */
    readonly sessionId?: string | undefined;
  };
  /** A tool is decided about, and runs: `hooks.call`. */
  readonly tool: {
    /** The tool. */
    readonly name: string;
    /** The call. */
    readonly callId: string;
    /** The agent that calls it. */
    readonly agentId?: string | undefined;
    /** The session of the call. */
    readonly sessionId?: string | undefined;
    /** The run of the call. */
    readonly runId?: string | undefined;
    /** The trace that the caller named. */
    readonly traceparent?: string | undefined;
  };
  /** A gate judges an event. */
  readonly gate: {
    /** The gate. */
    readonly name: string;
    /** `check` or `rewrite`. */
    readonly kind: string;
    /** `enforce` or `shadow`. */
    readonly mode: string;
    /** The type of the event. */
    readonly type: string;
    /** The trace of the event, which this span continues. */
    readonly traceparent?: string | undefined;
  };
  /** An event is accepted. Its trace is that of this span. */
  readonly send: EventAttributes;
  /** One attempt to deliver an event to a target. */
  readonly process: EventAttributes & {
    /** The webhook or durable hook. */
    readonly target: string;
    /** The number of the attempt, from 1. */
    readonly attempt: number;
  };
  /** A receiver handles an event. Its `traceparent` is that of the request. */
  readonly receive: EventAttributes;
};

/** How a span ended. */
export type SpanOutcome = {
  /** What kind of error it was, such as an error's name or an HTTP status. */
  readonly error?: string | undefined;
  /** What gates decided, or a gate's verdict. */
  readonly decision?: string | undefined;
  /** The HTTP status of a response. */
  readonly status?: number | undefined;
  /** The tokens of a run. */
  readonly usage?:
    | { readonly input_tokens: number; readonly output_tokens: number }
    | undefined;
  /** Returns redacted content by name, which telemetry captures only on request. Called at most once. */
  readonly content?: (() => Readonly<Record<string, unknown>>) | undefined;
};

/** A span that has started. It ends with the function that it is passed to. */
export interface TelemetrySpan {
  /** Notes how it ended. */
  set(outcome: SpanOutcome): void;
}

/**
 * Where traces and metrics go: the option `telemetry` of `createHooks`. `otel()` of `@omniagent/hooks/otel`
 * returns one for OpenTelemetry. Errors of its methods are reported to `onError`, and change nothing else.
 */
export interface Telemetry {
  /**
   * Calls a function in a span, which is active during the call and its `await`s. The span ends when the
   * function returns, or when the promise that it returns settles. Returns what the function returned.
   */
  span<Name extends keyof Spans, Result>(
    name: Name,
    attributes: Spans[Name],
    fn: (span: TelemetrySpan) => Result,
  ): Result;
  /** Returns the `traceparent` of the active span; undefined if there is none. */
  inject(): string | undefined;
  /**
   * Returns a function that calls others in the span that is active now, even after it is no longer active.
   * Without it, later calls of adapters belong to the span that is active then.
   */
  bind?(): <Result>(fn: () => Result) => Result;
  /** Adds to a counter. */
  count(name: MetricName, value: number, attributes: MetricAttributes): void;
  /** Adds a value to a histogram, in the unit of the metric. */
  record(name: MetricName, value: number, attributes: MetricAttributes): void;
  /** Called once, with a function that reads the gauges. Returns a function that stops reading them. */
  observe?(read: () => Promise<readonly Measurement[]>): () => void;
}

/** A span of no telemetry. */
export const NO_SPAN: TelemetrySpan = { set: () => {} };

/** Telemetry that does nothing. */
export const NO_TELEMETRY: Telemetry = {
  span: (_name, _attributes, fn) => fn(NO_SPAN),
  inject: () => undefined,
  count: () => {},
  record: () => {},
};

/** Returns the attributes of an event in a span. */
export function eventAttributes(event: HookEvent): EventAttributes {
  return { id: event.id, type: event.type, ...correlationOf(event) };
}
