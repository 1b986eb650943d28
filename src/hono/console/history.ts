import type { Metric, MetricPoint } from "../../core/metrics.ts";

/** What happened in one minute. */
export type Minute = {
  readonly start: Date;
  readonly events: number;
  /** Attempts at deliveries, and those of them that delivered. */
  readonly attempts: number;
  readonly delivered: number;
  /** Upper estimates of how long attempts took, in milliseconds; undefined without attempts. */
  readonly p50: number | undefined;
  readonly p95: number | undefined;
};

/** The backlog of one target. */
export type Backlog = {
  readonly target: string;
  readonly pending: number;
  /** How late the oldest due delivery is, in milliseconds. */
  readonly late: number;
  readonly dead: number;
  readonly isEnabled: boolean;
};

/** In milliseconds. */
const MINUTE = 60_000;
/** Minutes of the plots. */
const SPAN = 60;

/** Returns the last hour of this process, minute by minute, the oldest first. */
export function lastHour(metrics: readonly Metric[], now: number): readonly Minute[] {
  const events = minutesOf(metrics, "omniagent.hooks.events");
  const attempts = minutesOf(metrics, "omniagent.hooks.attempt.duration");
  const last = Math.floor(now / MINUTE) * MINUTE;
  return Array.from({ length: SPAN }, (_, at) => {
    const start = last - (SPAN - 1 - at) * MINUTE;
    const accepted = events.get(start) ?? [];
    return { start: new Date(start), events: sumOf(accepted), ...attemptsOf(attempts.get(start)) };
  });
}

/** Returns the sum of several minutes. */
export function totalOf(metrics: readonly Metric[]): Minute {
  const all = (name: string) =>
    metrics.find((metric) => metric.name === name)?.minutes?.flatMap(({ points }) => points) ?? [];
  return {
    start: new Date(0),
    events: sumOf(all("omniagent.hooks.events")),
    ...attemptsOf(all("omniagent.hooks.attempt.duration")),
  };
}

/** Returns the backlog of every target, the longest first. */
export function backlogs(metrics: readonly Metric[]): readonly Backlog[] {
  const read = (name: string): ReadonlyMap<string, number> => {
    const points = metrics.find((metric) => metric.name === name)?.points ?? [];
    return new Map(points.map(({ attributes, value }) => [attributes["target"] ?? "", value]));
  };
  const late = read("omniagent.hooks.backlog.age");
  const dead = read("omniagent.hooks.dead_letters");
  const enabled = read("omniagent.hooks.target.enabled");
  return [...read("omniagent.hooks.backlog")].map(([target, pending]) => ({
    target,
    pending,
    late: (late.get(target) ?? 0) * 1_000,
    dead: dead.get(target) ?? 0,
    isEnabled: enabled.get(target) !== 0,
  })).sort((a, b) => b.pending - a.pending || (a.target < b.target ? -1 : 1));
}

function minutesOf(
  metrics: readonly Metric[],
  name: string,
): ReadonlyMap<number, readonly MetricPoint[]> {
  const { minutes = [] } = metrics.find((metric) => metric.name === name) ?? {};
  return new Map(minutes.map(({ start, points }) => [start.getTime(), points]));
}

function sumOf(points: readonly MetricPoint[]): number {
  return points.reduce((sum, { value }) => sum + value, 0);
}

function attemptsOf(
  points: readonly MetricPoint[] = [],
): Omit<Minute, "start" | "events"> {
  const countOf = (some: readonly MetricPoint[]) => some.reduce((sum, it) => sum + it.count!, 0);
  return {
    attempts: countOf(points),
    delivered: countOf(points.filter(({ attributes }) => attributes["outcome"] === "delivered")),
    p50: percentile(points, 0.5),
    p95: percentile(points, 0.95),
  };
}

/** Returns a percentile of histograms, in milliseconds, as if values were spread evenly over a bucket. */
function percentile(points: readonly MetricPoint[], part: number): number | undefined {
  const total = points.reduce((sum, { count = 0 }) => sum + count, 0);
  if (total === 0) return undefined;
  const wanted = part * total;
  let before = 0;
  let from = 0;
  for (const [at, { le }] of (points[0]!.buckets ?? []).entries()) {
    const reached = points.reduce((sum, { buckets }) => sum + buckets![at]!.count, 0);
    if (reached >= wanted) {
      return (from + (wanted - before) / (reached - before) * (le - from)) * 1_000;
    }
    before = reached;
    from = le;
  }
  return from * 1_000; // beyond the greatest bound
}
