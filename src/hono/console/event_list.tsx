/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import { createEventId } from "../../internal/uuid.ts";
import type { StoredEvent } from "../../outbox/mod.ts";
import { eventFilters, type EventQuery, streamEvents, toEventJson } from "../events.ts";
import { Problem } from "../problems.ts";
import { validateQuery } from "../router.ts";
import { EmptyState, TextField, Time } from "./components.tsx";
import { respondPage } from "./layout.tsx";
import { List, type ListPage, NOTHING_READ, readPage } from "./list.tsx";
import { type ConsoleRoute, link, outboxOf, type PageRequest } from "./request.ts";

/** Length of the payload in a row, in characters. */
const PREVIEW = 160;

/** The list of accepted events, and the stream that the list's script reads. */
export const eventListRoutes: readonly ConsoleRoute[] = [
  { method: "GET", path: "events", scope: "read", handle: listEvents },
  {
    method: "GET",
    path: "events/stream",
    scope: "read",
    handle(at) {
      const query = new URLSearchParams(at.query);
      const after = query.get("after");
      query.delete("after");
      const filter: EventQuery = validateQuery(eventFilters, `?${query}`);
      return streamEvents(at.c, { query: filter, outbox: outboxOf(at), after });
    },
  },
];

async function listEvents(at: PageRequest): Promise<Response> {
  const outbox = outboxOf(at);
  const { filter, errors } = readFilter(at);
  const { type, session: sessionId, run: runId } = filter;
  const isLive = !at.query.has("cursor") && errors.size === 0;
  const startedAt = createEventId(); // before the list is read, so that nothing is missed
  const page: ListPage<StoredEvent> = errors.size > 0
    ? NOTHING_READ
    : await readPage(at, (position) => outbox.listEvents({ type, sessionId, runId, ...position }));
  const stream = link(at, "events/stream", { ...filter, after: startedAt });
  const content = (
    <>
      <Filter at={at} errors={errors} />
      {isLive && (
        <div class="row live-row">
          <span class="live" role="status" data-live={stream} hidden>Connecting</span>
          <button type="button" class="quiet" data-live-toggle hidden>Pause</button>
          <noscript>
            <span class="muted">Reload the page for newer events.</span>
          </noscript>
        </div>
      )}
      <EventTable at={at} events={page.items} />
      <List
        at={at}
        path="events"
        query={filter}
        page={page}
        what="events"
        empty={<Empty at={at} filter={filter} />}
      />
    </>
  );
  const lead = "Events accepted by any instance, newest first.";
  return await respondPage(at, { title: "Events", section: "events", lead }, content);
}

/** Returns the filter of a query, and what is wrong with it by field. */
function readFilter(
  { query }: PageRequest,
): { readonly filter: EventQuery; readonly errors: ReadonlyMap<string, string> } {
  const names = Object.keys(eventFilters);
  const given = [...query].filter(([name]) => names.includes(name));
  try {
    const url = `http://console/?${new URLSearchParams(given)}`;
    return { filter: validateQuery(eventFilters, url) as EventQuery, errors: new Map() };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const byName = error.errors.map(({ pointer, detail }) => [pointer.slice(1), detail] as const);
    return { filter: {}, errors: new Map(byName) };
  }
}

function Filter(
  { at, errors }: { at: PageRequest; errors: ReadonlyMap<string, string> },
): Child {
  const fields = [
    ["type", "Type", "tool.* or tool.called"],
    ["session", "Session", "any"],
    ["run", "Run", "any"],
  ] as const;
  const isFiltered = fields.some(([name]) => at.query.has(name));
  return (
    <form class="filter" role="search" action={link(at, "events")}>
      {fields.map(([name, label, placeholder]) => (
        <TextField
          name={name}
          label={label}
          value={at.query.get(name)}
          placeholder={placeholder}
          error={errors.get(name)}
        />
      ))}
      <div class="row">
        <button type="submit">Filter</button>
        {isFiltered && <a class="button" href={link(at, "events")}>Clear</a>}
      </div>
    </form>
  );
}

/** Renders the table, even without rows if the script may add some: it copies the template. */
function EventTable({ at, events }: { at: PageRequest; events: readonly StoredEvent[] }): Child {
  const caption = "Accepted events";
  return (
    <div
      class="scroll events"
      role="group"
      aria-label={caption}
      tabindex={0}
      data-live-table
      hidden={events.length === 0}
    >
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Type</th>
            <th scope="col">Session</th>
            <th scope="col">Run</th>
            <th scope="col" class="wide">Payload</th>
          </tr>
        </thead>
        <tbody data-live-rows>
          {events.map((event) => <EventRow at={at} stored={event} />)}
        </tbody>
      </table>
      <template data-live-template>
        <tr class="new">
          <td>
            <time data-relative></time>
          </td>
          <td>
            <a href={link(at, "events/")}></a>
          </td>
          <td data-field="session_id"></td>
          <td data-field="run_id"></td>
          <td class="preview"></td>
        </tr>
      </template>
    </div>
  );
}

function EventRow({ at, stored }: { at: PageRequest; stored: StoredEvent }): Child {
  const { id, type, timestamp, session_id, run_id, data } = toEventJson(stored.event);
  return (
    <tr data-id={id}>
      <td>
        <Time at={at} time={new Date(timestamp)} />
      </td>
      <td>
        <a href={link(at, `events/${encodeURIComponent(id)}`)}>{type}</a>
      </td>
      <td>{session_id}</td>
      <td>{run_id}</td>
      <td class="preview">{preview(data)}</td>
    </tr>
  );
}

function preview(data: unknown): string {
  const text = JSON.stringify(data) ?? "";
  return text.length <= PREVIEW ? text : `${text.slice(0, PREVIEW)}…`;
}

function Empty({ at, filter }: { at: PageRequest; filter: EventQuery }): Child {
  if (Object.keys(filter).length > 0) {
    return (
      <EmptyState title="No event matches">
        <p>
          Change the filter, or{" "}
          <a href={link(at, "events")}>show all events</a>. Events are deleted when their retention
          ends.
        </p>
      </EmptyState>
    );
  }
  return (
    <EmptyState title="No events yet">
      <p>
        Events appear here as they are accepted. Send one with <code>hooks send</code>, or with{" "}
        <code>POST /events</code>. With <code>eventLog: false</code>{" "}
        (<code>retention.event_log</code>), only events with a target are stored.
      </p>
    </EmptyState>
  );
}
