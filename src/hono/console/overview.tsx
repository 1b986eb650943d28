/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import type { Metric, MetricPoint } from "../../core/metrics.ts";
import {
  EmptyState,
  formatCount,
  formatDuration,
  formatUtc,
  Section,
  StateBadge,
  Table,
} from "./components.tsx";
import { respondPage } from "./layout.tsx";
import { Meter, Plot } from "./plots.tsx";
import { can, type ConsoleRoute, link, outboxOf, type PageRequest, redirect } from "./request.ts";
import { MINUTE } from "../../internal/clock.ts";

/** Targets whose backlog is shown, the longest first. */
const MAX_BACKLOGS = 20;

/** The ends of the time axis. */
const ENDS = ["60 min ago", "now"] as const;

/** The first page: the last hour, and the backlog. */
export const overviewRoutes: readonly ConsoleRoute[] = [
  {
    method: "GET",
    path: "",
    scope: ["read", "approve"],
    async handle(at) {
      if (!can(at, "read")) return await redirect(at, "gates"); // `approve` sees nothing else
      const outbox = outboxOf(at);
      const metrics = await at.c.get("hooksRequest").app.registry.metrics();
      const minutes = lastHour(metrics, at.now);
      const total = totalOf(metrics);
      const waiting = backlogs(metrics);
      const options = {
        title: "Overview",
        section: "",
        lead:
          `As of ${formatUtc(new Date(at.now))}. The plots cover the last hour of this process; ` +
          "the backlog covers all processes on this store.",
        actions: <a class="button" href={link(at, "")}>Refresh</a>,
      } as const;
      const isNew = total.events === 0 && waiting.every(({ pending }) => pending === 0) &&
        (await outbox.listEvents({ limit: 1 })).items.length === 0;
      const content = (
        <>
          {isNew ? <FirstSteps at={at} /> : <Plots minutes={minutes} total={total} />}
          <Numbers minutes={minutes} />
          <Waiting at={at} waiting={waiting} />
        </>
      );
      return await respondPage(at, options, content);
    },
  },
];

function FirstSteps({ at }: { at: PageRequest }): Child {
  const url = new URL(`${at.root}../events`, at.c.req.raw.url).href;
  return (
    <EmptyState title="Send the first event">
      <p>
        Post one with a token of scope{" "}
        <code>emit</code>, or connect an agent. You can watch it arrive under{" "}
        <a href={link(at, "events")}>Events</a>.
      </p>
      <pre class="code"><code>{`curl -X POST ${url} \\
  -H "Authorization: Bearer $HOOKS_TOKEN" \\
  -H "Content-Type: application/json" \\
  -d '{"type":"message.received","data":{"role":"user","content":"hello"}}'`}</code></pre>
    </EmptyState>
  );
}

function Plots({ minutes, total }: { minutes: readonly Minute[]; total: Minute }): Child {
  const { events, attempts, p50, p95 } = total;
  return (
    <div class="plots">
      <Plot
        title="Events per minute"
        headline={formatCount(events)}
        caption="accepted in the last hour"
        kind="bars"
        series={[{ label: "events", color: 1, values: minutes.map((minute) => minute.events) }]}
        format={formatCount}
        ends={ENDS}
      />
      <Plot
        title="Success rate"
        headline={orDash(rateOf(total), formatRate)}
        caption={`of ${formatCount(attempts)} ${attempts === 1 ? "attempt" : "attempts"}`}
        kind="lines"
        max={1}
        series={[{ label: "delivered", color: 1, values: minutes.map(rateOf) }]}
        format={formatRate}
        ends={ENDS}
      />
      <Plot
        title="Attempt duration"
        headline={orDash(p50, formatDuration)}
        caption={p95 === undefined ? "p50" : `p50; p95 is ${formatDuration(p95)}`}
        kind="lines"
        series={[
          { label: "p50", color: 1, values: minutes.map((minute) => minute.p50) },
          { label: "p95", color: 2, values: minutes.map((minute) => minute.p95) },
        ]}
        format={formatDuration}
        ends={ENDS}
      />
    </div>
  );
}

/** Renders the numbers of the plots. Minutes without anything are left out. */
function Numbers({ minutes }: { minutes: readonly Minute[] }): Child {
  const shown = minutes.filter(({ events, attempts }) => events > 0 || attempts > 0).reverse();
  if (shown.length === 0) return null;
  return (
    <details class="numbers">
      <summary>Numbers by minute</summary>
      <Table
        caption="The last hour by minute, newest first"
        rows={shown}
        columns={[
          {
            label: "Minute (UTC)",
            kind: "wide",
            cell: ({ start }) => (
              <time datetime={start.toISOString()}>{start.toISOString().slice(11, 16)}</time>
            ),
          },
          { label: "Events", kind: "number", cell: ({ events }) => formatCount(events) },
          { label: "Attempts", kind: "number", cell: ({ attempts }) => formatCount(attempts) },
          { label: "Success rate", kind: "number", cell: (one) => orDash(rateOf(one), formatRate) },
          { label: "p50", kind: "number", cell: ({ p50 }) => orDash(p50, formatDuration) },
          { label: "p95", kind: "number", cell: ({ p95 }) => orDash(p95, formatDuration) },
        ]}
      />
    </details>
  );
}

function Waiting({ at, waiting }: { at: PageRequest; waiting: readonly Backlog[] }): Child {
  const most = Math.max(0, ...waiting.map(({ pending }) => pending));
  return (
    <Section title="Backlog by target" id="backlog">
      {waiting.length === 0
        ? (
          <EmptyState title="No targets yet">
            <p>
              Events are stored but not delivered anywhere. Add a webhook to the configuration or
              over the API, or register a durable hook.
            </p>
          </EmptyState>
        )
        : (
          <Table
            caption="Backlog by target"
            rows={waiting.slice(0, MAX_BACKLOGS)}
            columns={[
              { label: "Target", kind: "wide", cell: ({ target }) => target },
              {
                label: "State",
                cell: ({ isEnabled }) => <StateBadge state={isEnabled ? "on" : "off"} />,
              },
              { label: "Pending", kind: "number", cell: ({ pending }) => formatCount(pending) },
              {
                label: "Share",
                kind: "hidden",
                cell: ({ pending }) => <Meter value={pending} max={most} />,
              },
              {
                label: "Oldest due",
                kind: "number",
                cell: ({ late }) => late < 1_000 ? "–" : `${formatDuration(late)} late`,
              },
              { label: "Dead letters", kind: "number", cell: ({ dead }) => formatCount(dead) },
            ]}
          />
        )}
      {waiting.length > MAX_BACKLOGS && (
        <p class="below">
          These have the longest backlogs. All are listed under{" "}
          <a href={link(at, "targets")}>Targets</a>.
        </p>
      )}
    </Section>
  );
}

/** Returns the part of attempts that delivered, of 1; undefined without attempts. */
function rateOf({ attempts, delivered }: Minute): number | undefined {
  return attempts === 0 ? undefined : delivered / attempts;
}

/** Returns a part of 1 as a percentage, which is 100% only for 1. */
function formatRate(rate: number): string {
  return rate === 1 ? "100%" : `${(Math.floor(rate * 1_000) / 10).toFixed(1)}%`;
}

function orDash(value: number | undefined, format: (value: number) => string): string {
  return value === undefined ? "–" : format(value);
}

/** The numbers of one minute. */
type Minute = {
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
type Backlog = {
  readonly target: string;
  readonly pending: number;
  /** How late the oldest due delivery is, in milliseconds. */
  readonly late: number;
  readonly dead: number;
  readonly isEnabled: boolean;
};

/** In milliseconds. */
/** Minutes of the plots. */
const SPAN = 60;

/** Returns the last hour of this process, minute by minute, the oldest first. */
function lastHour(metrics: readonly Metric[], now: number): readonly Minute[] {
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
function totalOf(metrics: readonly Metric[]): Minute {
  const all = (name: string) =>
    metrics.find((metric) => metric.name === name)?.minutes?.flatMap(({ points }) => points) ?? [];
  return {
    start: new Date(0),
    events: sumOf(all("omniagent.hooks.events")),
    ...attemptsOf(all("omniagent.hooks.attempt.duration")),
  };
}

/** Returns the backlog of every target, the longest first. */
function backlogs(metrics: readonly Metric[]): readonly Backlog[] {
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
