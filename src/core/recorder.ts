import { isThenable } from "../internal/async.ts";
import { checkFunctions } from "../internal/validate.ts";
import type { Attempt, AttemptContext, DeliveryQueue, DeliveryTarget } from "./delivery.ts";
import type { HookEvent } from "./events.ts";
import {
  isDuration,
  type Measurement,
  type Metric,
  type MetricAttributes,
  type MetricName,
  MetricTable,
} from "./metrics.ts";
import type { Reporter } from "./reporter.ts";
import { seal } from "./snapshot.ts";
import {
  eventAttributes,
  NO_SPAN,
  type Spans,
  type Telemetry,
  type TelemetrySpan,
} from "./telemetry.ts";

/** Checks the option `telemetry`. @throws {TypeError} */
export function checkTelemetry(subject: string, telemetry: Telemetry): void {
  const methods = ["span", "inject", "count", "record"];
  checkFunctions(`${subject} with this telemetry`, telemetry, methods, ["bind", "observe"]);
}

/**
 * The telemetry of hooks: sums up counters for `metrics`, and passes everything on to the option `telemetry`,
 * whose failures are reported and change nothing.
 */
export class Recorder implements Telemetry {
  /** Whether there are spans. */
  readonly isTracing: boolean;
  readonly #telemetry: Telemetry | undefined;
  readonly #reporter: Reporter;
  readonly #table = new MetricTable();
  readonly #gauges: () => Promise<readonly Measurement[]>;
  #stop: (() => void) | undefined;

  constructor(
    { telemetry, outbox }: {
      readonly telemetry?: Telemetry | undefined;
      readonly outbox?: DeliveryQueue | undefined;
    },
    reporter: Reporter,
  ) {
    this.isTracing = telemetry !== undefined;
    this.#telemetry = telemetry;
    this.#reporter = reporter;
    this.#gauges = async () => await outbox?.measure?.() ?? [];
    this.#stop = this.#guard(() => telemetry?.observe?.(this.#gauges));
  }

  /** Calls a function in a span. It is called exactly once, and its result returned, even if telemetry fails. */
  span<Name extends keyof Spans, Result>(
    name: Name,
    attributes: Spans[Name],
    fn: (span: TelemetrySpan) => Result,
  ): Result {
    const telemetry = this.#telemetry;
    if (telemetry === undefined) return fn(NO_SPAN);
    const guarded = (span: TelemetrySpan = NO_SPAN): Result => fn(this.#guardSpan(span));
    return this.#callOnce(guarded, (call) => telemetry.span(name, attributes, call));
  }

  /** Returns a function that calls others in the span that is active now: each once, like `span`. */
  bind(): <Result>(fn: () => Result) => Result {
    const within = this.#guard(() => this.#telemetry?.bind?.());
    return within === undefined ? (fn) => fn() : (fn) => this.#callOnce(fn, within);
  }

  inject(): string | undefined {
    return this.#guard(() => this.#telemetry?.inject());
  }

  count(name: MetricName, value: number, attributes: MetricAttributes): void {
    const used = this.#table.add(name, value, attributes);
    if (this.#telemetry) this.#guard(() => this.#telemetry!.count(name, value, used));
  }

  record(name: MetricName, value: number, attributes: MetricAttributes): void {
    const used = this.#table.add(name, value, attributes);
    if (this.#telemetry) this.#guard(() => this.#telemetry!.record(name, value, used));
  }

  /** Returns a function that adds to a metric under the same attributes each time, and looks it up once. */
  meter(name: MetricName, attributes: MetricAttributes): (value: number) => void {
    const { add, attributes: used } = this.#table.meter(name, attributes);
    const telemetry = this.#telemetry;
    if (telemetry === undefined) return add;
    const pass = isDuration(name) ? "record" : "count";
    return (value) => {
      add(value);
      this.#guard(() => telemetry[pass](name, value, used));
    };
  }

  /** Stops reading gauges. */
  stop(): void {
    this.#guard(() => this.#stop?.());
    this.#stop = undefined;
  }

  /** Returns the metrics of this process and of the outbox. */
  async metrics(): Promise<readonly Metric[]> {
    const { listMetrics } = await import("./list_metrics.ts");
    return listMetrics(this.#table, await this.#gauges());
  }

  /** Accepts events, each in a span of its own whose trace it gets. */
  async send<Part extends { readonly event: HookEvent }, Result>(
    parts: readonly Part[],
    accept: (parts: readonly Part[]) => Promise<Result>,
  ): Promise<Result> {
    if (!this.isTracing) return await accept(parts);
    let start = (_traced: readonly Part[]): void => {};
    const accepted = new Promise<readonly Part[]>((resolve) => start = resolve).then(accept);
    const traced = parts.map((part) => {
      let { event } = part;
      const sent = this.span("send", eventAttributes(event), () => {
        event = withTrace(event, this.inject());
        return accepted;
      });
      sent.catch(() => {}); // the caller gets it
      return { ...part, event };
    });
    start(traced);
    return await accepted;
  }

  /** Passes a function to telemetry. It is called exactly once, and its result returned, even if telemetry fails. */
  #callOnce<Result>(
    fn: (span?: TelemetrySpan) => Result,
    enclose: (call: typeof fn) => unknown,
  ): Result {
    let outcome: { readonly value: Result } | { readonly error: unknown } | undefined;
    const call = (span?: TelemetrySpan): Result => {
      outcome ??= attempted(() => fn(span));
      if ("error" in outcome) throw outcome.error;
      return outcome.value;
    };
    try {
      const returned = enclose(call);
      if (isThenable(returned)) Promise.resolve(returned).catch(() => {}); // of what `fn` returned
    } catch (error) {
      const isOurs = outcome !== undefined && "error" in outcome && outcome.error === error;
      if (!isOurs) this.#failed(error);
    }
    return call();
  }

  #guardSpan(span: TelemetrySpan): TelemetrySpan {
    return { set: (outcome) => this.#guard(() => span.set(outcome)) };
  }

  #guard<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  #failed(error: unknown): void {
    this.#reporter.failed("Telemetry failed", error);
  }
}

/** Returns a snapshot with the trace of the span in which it is sent. */
function withTrace(event: HookEvent, traceparent: string | undefined): HookEvent {
  if (traceparent === undefined || traceparent === event.traceparent) return event;
  const { id, type, timestamp, sessionId, runId, data } = event;
  return seal({ id, type, timestamp, sessionId, runId, traceparent, data });
}

function attempted<T>(fn: () => T): { readonly value: T } | { readonly error: unknown } {
  try {
    return { value: fn() };
  } catch (error) {
    return { error };
  }
}

/** Makes an attempt in its own span, whose trace the target sends on. Never rejects if the target doesn't. */
export function tracedAttempt(
  telemetry: Telemetry,
  target: Pick<DeliveryTarget, "name" | "attempt">,
  event: HookEvent,
  context: AttemptContext,
): Promise<Attempt> {
  const { name } = target;
  const attributes = { ...eventAttributes(event), target: name, attempt: context.attempt };
  return telemetry.span("process", attributes, async (span) => {
    const traceparent = telemetry.inject() ?? event.traceparent;
    const traced = traceparent === undefined ? context : { ...context, traceparent };
    const attempt = await target.attempt(event, traced);
    const { verdict, status, duration } = attempt;
    const isFailed = verdict !== "delivered";
    const error = isFailed ? String(status ?? verdict) : undefined;
    span.set({ status, ...(error !== undefined && { error }) });
    const measured = { target: name, outcome: verdict };
    telemetry.record("omniagent.hooks.attempt.duration", duration / 1000, measured);
    return attempt;
  });
}
