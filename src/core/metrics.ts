import { MINUTE } from "../internal/clock.ts";
import { MAX_SERIES } from "./limits.ts";
/** The description of a metric. */
export type MetricDefinition = {
  /** A `counter` only rises, a `gauge` is a current value, a `histogram` sorts durations into buckets. */
  readonly kind: "counter" | "gauge" | "histogram";
  /** The unit, as UCUM writes it: `s` for seconds, `{event}` for a number of events. */
  readonly unit: string;
  /** What it measures. */
  readonly help: string;
  /** The names of its attributes. */
  readonly attributes: readonly string[];
};

/** The names of metrics. */
export type MetricName =
  | "omniagent.hooks.events"
  | "omniagent.hooks.deliveries"
  | "omniagent.hooks.attempt.duration"
  | "omniagent.hooks.gate.decisions"
  | "omniagent.hooks.gate.duration"
  | "omniagent.hooks.backlog"
  | "omniagent.hooks.backlog.age"
  | "omniagent.hooks.dead_letters"
  | "omniagent.hooks.target.enabled";

/** The attributes of one value. */
export type MetricAttributes = Readonly<Record<string, string>>;

/** The current value of a gauge. */
export type Measurement = {
  /** The metric. */
  readonly name: string;
  /** The value, in the unit of the metric. */
  readonly value: number;
  /** What it is the value of. */
  readonly attributes: MetricAttributes;
};

/** The values of one metric. */
export type Metric = MetricDefinition & {
  /** The name, as OpenTelemetry writes it. */
  readonly name: string;
  /** A value for each set of attributes. */
  readonly points: readonly MetricPoint[];
  /** Of events, deliveries and attempts: the minutes of the last hour in which something was added. */
  readonly minutes?: readonly MetricMinute[];
};

/** What was added to a metric in one minute. */
export type MetricMinute = {
  /** When the minute began. */
  readonly start: Date;
  /** A value for each `outcome`, summed over all other attributes. */
  readonly points: readonly MetricPoint[];
};

/** One value: a number, or a histogram. */
export type MetricPoint = {
  /** What it is the value of. */
  readonly attributes: MetricAttributes;
  /** The value; of a histogram, the sum of what was recorded. */
  readonly value: number;
  /** Of a histogram: how many values were recorded. */
  readonly count?: number;
  /** Of a histogram: how many values were at most each bound, in seconds, bounds ascending. */
  readonly buckets?: readonly { readonly le: number; readonly count: number }[];
};

/** Bounds of histograms, in seconds: those that OpenTelemetry advises for durations of requests. */
export const BOUNDS: readonly number[] = [
  0.005,
  0.01,
  0.025,
  0.05,
  0.075,
  0.1,
  0.25,
  0.5,
  0.75,
  1,
  2.5,
  5,
  7.5,
  10,
];

/** Replaces an attribute beyond `MAX_SERIES`. */
const OTHER = "other";

/** The sum of one set of attributes. */
export type Series = {
  readonly attributes: MetricAttributes;
  value: number;
  count: number;
  /** Per bound, not cumulative; the last one is for values above all bounds. */
  readonly buckets: number[];
};

/** What was added to a metric, and in which minutes. */
type Recorded = {
  readonly series: readonly Series[];
  readonly minutes?: readonly { readonly start: Date; readonly series: readonly Series[] }[];
};

/** A function that adds to one series. */
type Meter = { readonly add: (value: number) => void; readonly attributes: MetricAttributes };

/** The metrics whose last hour is kept. */
const WITH_MINUTES: ReadonlySet<MetricName> = new Set(
  ["omniagent.hooks.events", "omniagent.hooks.deliveries", "omniagent.hooks.attempt.duration"],
);
/** In milliseconds. */
/** Minutes that are kept. */
const MAX_MINUTES = 60;

/** Sums up the counters and histograms of this process. */
export class MetricTable {
  readonly #series = new Map<MetricName, Map<string, Series>>();
  /** By the number of the minute since 1970, and by outcome. */
  readonly #minutes = new Map<MetricName, Map<number, Map<string, Series>>>();
  readonly #now: () => number;

  /** @param now Returns the time in milliseconds since 1970 */
  constructor(now: () => number = () => Date.now()) {
    this.#now = now;
  }

  /** Adds to a counter or a histogram. Returns the attributes under which it did. */
  add(name: MetricName, value: number, attributes: MetricAttributes): MetricAttributes {
    const meter = this.meter(name, attributes);
    meter.add(value);
    return meter.attributes;
  }

  /** Returns a function that adds under the same attributes each time, and the attributes that it uses. */
  meter(name: MetricName, attributes: MetricAttributes): Meter {
    const series = this.#seriesOf(name, attributes);
    const sum = isDuration(name) ? addDuration : addNumber;
    const addTotal = (value: number): void => sum(series, value);
    const add = WITH_MINUTES.has(name)
      ? (value: number): void => {
        addTotal(value);
        sum(this.#minuteOf(name, attributes), value);
      }
      : addTotal;
    return { add, attributes: series.attributes };
  }

  /** Returns what was added to a metric, and in which minutes of the last hour if those are kept. */
  recorded(name: MetricName): Recorded {
    const series = [...this.#series.get(name)?.values() ?? []];
    if (!WITH_MINUTES.has(name)) return { series };
    const oldest = Math.floor(this.#now() / MINUTE) - MAX_MINUTES;
    const kept = [...this.#minutes.get(name) ?? []].filter(([minute]) => minute > oldest);
    const minutes = kept.map(([minute, all]) => {
      return { start: new Date(minute * MINUTE), series: [...all.values()] };
    });
    return { series, minutes };
  }

  /** Returns the minute to add to now. */
  #minuteOf(name: MetricName, { outcome }: MetricAttributes): Series {
    let minutes = this.#minutes.get(name);
    if (minutes === undefined) this.#minutes.set(name, minutes = new Map());
    const minute = Math.floor(this.#now() / MINUTE);
    let all = minutes.get(minute);
    if (all === undefined) {
      minutes.forEach((_, at) => at <= minute - MAX_MINUTES && minutes.delete(at));
      minutes.set(minute, all = new Map());
    }
    const known = all.get(outcome ?? "");
    if (known !== undefined) return known;
    const attributes = outcome === undefined ? {} : { outcome };
    const series: Series = { attributes, value: 0, count: 0, buckets: [] };
    all.set(outcome ?? "", series);
    return series;
  }

  #seriesOf(name: MetricName, attributes: MetricAttributes): Series {
    let all = this.#series.get(name);
    if (all === undefined) this.#series.set(name, all = new Map());
    const known = all.get(keyOf(attributes));
    if (known !== undefined) return known;
    const isFull = all.size >= MAX_SERIES;
    const used = isFull
      ? Object.fromEntries(Object.keys(attributes).map((attribute) => [attribute, OTHER]))
      : { ...attributes };
    const key = keyOf(used);
    const series = all.get(key) ?? { attributes: used, value: 0, count: 0, buckets: [] };
    all.set(key, series);
    return series;
  }
}

function addNumber(series: Series, value: number): void {
  series.value += value;
}

function addDuration(series: Series, value: number): void {
  let at = 0;
  while (at < BOUNDS.length && !(value <= BOUNDS[at]!)) at++;
  series.value += value;
  series.count++;
  series.buckets[at] = (series.buckets[at] ?? 0) + 1;
}

function keyOf(attributes: MetricAttributes): string {
  let key = "";
  for (const name in attributes) key += `${name}=${attributes[name]}\n`;
  return key;
}

/** Returns whether a metric is a histogram: all others are counters. */
export function isDuration(name: MetricName): boolean {
  return name.endsWith(".duration");
}
