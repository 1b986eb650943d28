/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import type { Delivery, LoggedAttempt, Outbox, StoredEvent } from "../../outbox/mod.ts";
import { toEventJson } from "../events.ts";
import { found } from "../problems.ts";
import {
  Details,
  EmptyState,
  formatDuration,
  FullTime,
  Json,
  Section,
  StateBadge,
  Text,
  Time,
} from "./components.tsx";
import { RetryForm } from "./delivery_list.tsx";
import { respondPage } from "./layout.tsx";
import { can, type ConsoleRoute, link, outboxOf, type PageRequest } from "./request.ts";

/** Deliveries that are shown: an event may have a thousand targets. */
const MAX_DELIVERIES = 50;
/** Deliveries that are read at the same time. */
const CONCURRENT_READS = 8;

/** The page of one event. */
export const eventRoutes: readonly ConsoleRoute[] = [
  {
    method: "GET",
    path: "events/:id",
    scope: "read",
    async handle(at) {
      const outbox = outboxOf(at);
      const stored = found(await outbox.getEvent(at.params["id"]!), "event_not_found");
      const deliveries = await readDeliveries(outbox, stored);
      const { event } = stored;
      const content = (
        <>
          <Facts at={at} stored={stored} />
          <Section title="Payload" id="payload">
            <Json value={toEventJson(event).data} label="Payload" />
          </Section>
          <Deliveries at={at} stored={stored} deliveries={deliveries} />
        </>
      );
      const above = [["Events", "events"]] as const;
      return await respondPage(at, { title: event.type, section: "events", above }, content);
    },
  },
];

/** Reads the deliveries of an event, in the order of its targets. */
async function readDeliveries(
  outbox: Outbox,
  { event, targets }: StoredEvent,
): Promise<readonly Delivery[]> {
  const names = targets.slice(0, MAX_DELIVERIES);
  const found: Delivery[] = [];
  for (let at = 0; at < names.length; at += CONCURRENT_READS) {
    const part = names.slice(at, at + CONCURRENT_READS);
    const read = await Promise.all(part.map((target) => outbox.get(target, event.id)));
    found.push(...read.filter((delivery) => delivery !== undefined));
  }
  return found;
}

function Facts({ at, stored }: { at: PageRequest; stored: StoredEvent }): Child {
  const { id, timestamp, session_id, run_id, traceparent } = toEventJson(stored.event);
  return (
    <Details
      entries={[
        ["Id", <span class="mono">{id}</span>],
        ["Time", <FullTime at={at} time={new Date(timestamp)} />],
        ["Accepted", <FullTime at={at} time={stored.acceptedAt} />],
        [
          "Session",
          session_id && <a href={link(at, "events", { session: session_id })}>{session_id}</a>,
        ],
        ["Run", run_id && <a href={link(at, "events", { run: run_id })}>{run_id}</a>],
        ["Trace", traceparent && <span class="mono">{traceparent}</span>],
      ]}
    />
  );
}

function Deliveries(
  { at, stored: { event: { type }, targets }, deliveries }: {
    at: PageRequest;
    stored: StoredEvent;
    deliveries: readonly Delivery[];
  },
): Child {
  const left = targets.length - MAX_DELIVERIES;
  const hooks = hookNames(at);
  return (
    <Section title="Deliveries" id="deliveries">
      {targets.length === 0 && (
        <EmptyState title="No target receives this event">
          <p>
            When it was accepted, no webhook or durable hook subscribed to its type. A target that
            is added later receives later events.
          </p>
        </EmptyState>
      )}
      {targets.length > 0 && deliveries.length === 0 && (
        <EmptyState title="Its targets were removed">
          <p>Deliveries are deleted with their target.</p>
        </EmptyState>
      )}
      <div class="stack">
        {deliveries.map((delivery, index) => (
          <OneDelivery
            at={at}
            delivery={{ ...delivery, type }}
            index={index}
            isHook={hooks.has(delivery.target)}
          />
        ))}
      </div>
      {left > 0 && <p class="muted">And {left} more targets.</p>}
    </Section>
  );
}

function OneDelivery(
  { at, delivery, index, isHook }: {
    at: PageRequest;
    delivery: Delivery & { readonly type: string };
    index: number;
    isHook: boolean;
  },
): Child {
  const { target, eventId, state, made, attempts, dueAt, leasedUntil } = delivery;
  const first = made - attempts.length + 1;
  const mayRetry = can(at, "admin") && state !== "expired" && leasedUntil === undefined;
  return (
    <article class="card delivery" aria-labelledby={`delivery-${index}`}>
      <div class="section-head">
        <h3 id={`delivery-${index}`}>{target}</h3>
        <div class="row">
          <StateBadge state={state} />
          {mayRetry && (
            <RetryForm at={at} delivery={delivery} back={`events/${encodeURIComponent(eventId)}`} />
          )}
        </div>
      </div>
      <p class="muted">
        {made === 1 ? "1 attempt" : `${made} attempts`}
        {state === "pending" && dueAt && (
          <>
            , next due <Time at={at} time={dueAt} />
          </>
        )}
        {first > 1 && `; the last ${attempts.length} are kept`}
      </p>
      <ol class="attempts" reversed>
        {attempts.map((attempt, i) => (
          <OneAttempt
            at={at}
            attempt={attempt}
            number={first + i}
            isHook={isHook}
            isOpen={i === attempts.length - 1 && attempt.verdict !== "delivered"}
          />
        )).reverse()}
      </ol>
    </article>
  );
}

/** Renders an attempt: its outcome in one line, and what was sent and received below. */
function OneAttempt(
  { at, attempt, number, isHook, isOpen }: {
    at: PageRequest;
    attempt: LoggedAttempt;
    number: number;
    /** Whether it called a hook in the process, without a request. */
    isHook: boolean;
    /** Whether the response is shown at first. */
    isOpen: boolean;
  },
): Child {
  const { verdict, duration, status, skipped, resent, error, retryAfter, response } = attempt;
  const label = `Response to attempt ${number}`;
  return (
    <li>
      <p class="row">
        <strong>Attempt {number}</strong>
        <StateBadge state={verdict} />
        {status !== undefined && <code>{status}</code>}
        <span class="muted">
          <Time at={at} time={attempt.at} />, {formatDuration(duration)}
        </span>
      </p>
      {error !== undefined && <p class="error-text">{error}</p>}
      {skipped && <p class="muted">Nothing was sent: the target's transform returned null.</p>}
      {resent && <p class="muted">Sent twice: the connection was closed before the response.</p>}
      {retryAfter !== undefined && (
        <p class="muted">The receiver asked to wait {formatDuration(retryAfter)}.</p>
      )}
      {!skipped && !isHook && (
        <details open={isOpen}>
          <summary>Request and response</summary>
          <div class="stack">
            <p class="muted">
              The request had this event as its body, after the target's transform if it has one.
              Headers aren't stored.
            </p>
            {response === undefined || response === ""
              ? <p class="muted">The response had no body that was stored.</p>
              : <Text value={response} label={label} />}
          </div>
        </details>
      )}
    </li>
  );
}

/** Returns the names of this process's durable hooks. */
function hookNames({ c }: PageRequest): ReadonlySet<string> {
  const { registry } = c.get("hooksRequest").app;
  return new Set(registry.list().filter(({ kind }) => kind === "hook").map(({ name }) => name));
}
