/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import {
  Badge,
  EmptyState,
  formatCount,
  formatDuration,
  formatUtc,
  Section,
  Table,
} from "./components.tsx";
import { type Backlog, backlogs, lastHour, type Minute, successRates, totalOf } from "./history.ts";
import { respondPage } from "./layout.tsx";
import { Meter, Plot } from "./plots.tsx";
import { can, type ConsoleRoute, link, outboxOf, type PageRequest, redirect } from "./request.ts";

/** Targets whose backlog is shown, the longest first. */
const MAX_BACKLOGS = 20;

/** The first page: what happened in the last hour, and what waits. */
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
  const ends = ["60 min ago", "now"] as const;
  const { events, attempts, delivered, p50, p95 } = total;
  const rate = attempts === 0 ? undefined : delivered / attempts;
  return (
    <div class="plots">
      <Plot
        title="Events per minute"
        headline={formatCount(events)}
        caption="accepted in the last hour"
        kind="bars"
        series={[{ label: "events", color: 1, values: minutes.map((minute) => minute.events) }]}
        format={(value) => formatCount(value)}
        ends={ends}
      />
      <Plot
        title="Success rate"
        headline={rate === undefined ? "–" : formatRate(rate)}
        caption={`of ${formatCount(attempts)} ${attempts === 1 ? "attempt" : "attempts"}`}
        kind="lines"
        max={1}
        series={[{ label: "delivered", color: 1, values: successRates(minutes) }]}
        format={formatRate}
        ends={ends}
      />
      <Plot
        title="Attempt duration"
        headline={p50 === undefined ? "–" : formatDuration(p50)}
        caption={p95 === undefined ? "p50" : `p50; p95 is ${formatDuration(p95)}`}
        kind="lines"
        series={[
          { label: "p50", color: 1, values: minutes.map((minute) => minute.p50) },
          { label: "p95", color: 2, values: minutes.map((minute) => minute.p95) },
        ]}
        format={formatDuration}
        ends={ends}
      />
    </div>
  );
}

/** The numbers of the plots. Minutes without anything are left out. */
function Numbers({ minutes }: { minutes: readonly Minute[] }): Child {
  const shown = minutes.filter(({ events, attempts }) => events > 0 || attempts > 0).reverse();
  if (shown.length === 0) return null;
  return (
    <details class="numbers">
      <summary>Numbers by minute</summary>
      <Table
        caption="The last hour by minute, newest first"
        columns={[
          { label: "Minute (UTC)", kind: "wide" },
          { label: "Events", kind: "number" },
          { label: "Attempts", kind: "number" },
          { label: "Success rate", kind: "number" },
          { label: "p50", kind: "number" },
          { label: "p95", kind: "number" },
        ]}
        rows={shown.map(({ start, events, attempts, delivered, p50, p95 }) => [
          <time datetime={start.toISOString()}>{start.toISOString().slice(11, 16)}</time>,
          formatCount(events),
          formatCount(attempts),
          attempts === 0 ? "–" : formatRate(delivered / attempts),
          p50 === undefined ? "–" : formatDuration(p50),
          p95 === undefined ? "–" : formatDuration(p95),
        ])}
      />
    </details>
  );
}

function Waiting({ at, waiting }: { at: PageRequest; waiting: readonly Backlog[] }): Child {
  const left = waiting.length - MAX_BACKLOGS;
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
            columns={[
              { label: "Target", kind: "wide" },
              { label: "State" },
              { label: "Pending", kind: "number" },
              { label: "Share", kind: "hidden" },
              { label: "Oldest due", kind: "number" },
              { label: "Dead letters", kind: "number" },
            ]}
            rows={waiting.slice(0, MAX_BACKLOGS).map((
              { target, pending, late, dead, isEnabled },
            ) => [
              target,
              isEnabled ? <Badge tone="ok">on</Badge> : <Badge tone="bad">off</Badge>,
              formatCount(pending),
              <Meter value={pending} max={most} />,
              late < 1_000 ? "–" : `${formatDuration(late)} late`,
              formatCount(dead),
            ])}
          />
        )}
      {left > 0 && (
        <p class="below">
          These have the longest backlogs. All are listed under{" "}
          <a href={link(at, "targets")}>Targets</a>.
        </p>
      )}
    </Section>
  );
}

/** Returns a part of 1 as a percentage that is 100% only if all of it is. */
function formatRate(rate: number): string {
  return rate === 1 ? "100%" : `${(Math.floor(rate * 1_000) / 10).toFixed(1)}%`;
}
