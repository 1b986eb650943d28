import * as v from "valibot";
import type { HookEvent } from "../core/mod.ts";
import { guarded } from "../core/reporter.ts";
import { maskError } from "../internal/mask_error.ts";
import { createEventId, timeOfEventId } from "../internal/uuid.ts";
import { isObject } from "../internal/validate.ts";
import type { Outbox, StoredEvent } from "../outbox/mod.ts";
import { isExpired } from "./auth.ts";
import { type AppContext, type AppState, respond, respondJson } from "./context.ts";
import { missedEvents, type Position, START } from "./stream/live.ts";
import { StreamReader } from "./stream/reader.ts";
import { pageOf, pageQuery, respondPage, withCursor, withTimes } from "./pages.ts";
import { found, Problem } from "./problems.ts";
import { defineRoute, type Route } from "./router.ts";
import * as s from "./schemas.ts";

const storedEvent = s.object({
  id: s.eventId,
  type: s.eventType,
  timestamp: s.time,
  session_id: v.optional(s.session),
  run_id: v.optional(s.run),
  traceparent: v.optional(s.traceparent),
  data: v.unknown(),
  accepted_at: s.time,
  targets: s.list(s.string),
});

/** An accepted event in JSON. */
type StoredEventJson = v.InferOutput<typeof storedEvent>;

/** An event in JSON, as streams have it. */
type EventJson = Omit<StoredEventJson, "accepted_at" | "targets">;

/** Returns an event in the form in which it was stored. */
export function toEventJson(
  { id, type, timestamp, sessionId, runId, traceparent, data }: HookEvent,
): EventJson {
  return {
    id,
    type,
    timestamp: timestamp.toISOString(),
    ...(sessionId && { session_id: sessionId }),
    ...(runId && { run_id: runId }),
    ...(traceparent && { traceparent }),
    data: type.startsWith("gate.") ? withoutInternal(data) : data,
  };
}

/**
 * Returns a report of gates without the parts that only its store and its webhooks may have: its own
 * `internal`, and that of each gate. What was judged is left as it is.
 */
function withoutInternal(report: unknown): unknown {
  if (!isObject(report)) return report;
  const { internal: _, ...data } = report;
  return Array.isArray(data["gates"])
    ? { ...data, gates: data["gates"].map(withoutInternal) }
    : data;
}

function toStoredEventJson({ event, acceptedAt, targets }: StoredEvent): StoredEventJson {
  return {
    ...toEventJson(event),
    accepted_at: acceptedAt.toISOString(),
    targets: [...targets],
  };
}

const example: StoredEventJson = {
  id: s.EXAMPLE_ID,
  type: "tool.called",
  timestamp: s.EXAMPLE_TIME,
  session_id: "s-1",
  run_id: "run-1",
  traceparent: s.EXAMPLE_TRACEPARENT,
  data: { name: "bash", params: { command: "ls" } },
  accepted_at: s.EXAMPLE_TIME,
  targets: ["audit"],
};

const { accepted_at: _, targets: __, ...streamExample } = example;

/** The query parameters of lists and streams. */
export const eventFilters = {
  type: s.describe(s.eventPattern, "A type, a prefix such as tool.*, or *", "tool.*"),
  session: s.describe(s.sessionFilter, "Only events of this session", "s-1"),
  run: s.describe(s.sessionFilter, "Only events of this run", "run-1"),
} as const;

/** The routes that read accepted events. */
export const eventRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/events/stream",
    scope: "read",
    operationId: "streamEvents",
    summary: "Stream events as any instance accepts them",
    description:
      "Server-sent events in the order of their commits: id is that of the event, data is " +
      "the event. A client that doesn't keep up gets a last event named overflow. After that, as after " +
      "any other end, Last-Event-ID resumes after the last event that it got.",
    query: eventFilters,
    headers: {
      "last-event-id": s.describe(s.createdEventId, "The last id that the stream sent"),
    },
    needsOutbox: true,
    response: {
      description: "Events, until either side closes the connection",
      mediaType: "text/event-stream",
      schema: v.string(),
      example: `id: ${s.EXAMPLE_ID}\ndata: ${JSON.stringify(streamExample)}\n\n`,
      headers: {
        "hooks-heartbeat": "The longest time between two writes of the stream, in milliseconds: " +
          "consider the connection lost after three times as long",
      },
    },
    problems: ["too_many_streams", "hooks_closed", "hooks_not_ready"],
    handle: streamEvents,
  }),
  defineRoute({
    method: "GET",
    path: "/events",
    scope: "read",
    operationId: "listEvents",
    summary: "List accepted events",
    query: {
      ...eventFilters,
      since: s.describe(s.time, "Only events created at this time or later", s.EXAMPLE_TIME),
      until: s.describe(s.time, "Only events created before this time", s.EXAMPLE_TIME),
      order: s.describe(
        s.oneOf("newest", "oldest"),
        "Sort by the time in the ids. Defaults to newest",
        "oldest",
      ),
      ...pageQuery,
    },
    needsOutbox: true,
    response: {
      ...pageOf("events", storedEvent, example),
      example: { events: [example], next_cursor: "WzEsWzFdXQ" },
    },
    async handle(c, { query: { session, run, ...query }, outbox }) {
      const filter = { ...withTimes(query), sessionId: session, runId: run };
      const page = await withCursor(query.cursor, () => outbox.listEvents(filter));
      return respondPage(c, "events", page, page.items.map(toStoredEventJson));
    },
  }),
  defineRoute({
    method: "GET",
    path: "/events/:id",
    scope: "read",
    operationId: "getEvent",
    summary: "Get an accepted event",
    params: { id: s.eventIdInPath },
    needsOutbox: true,
    response: { description: "The event", schema: storedEvent, example },
    problems: ["event_not_found"],
    async handle(c, { params, outbox }) {
      const stored = found(await outbox.getEvent(params.id), "event_not_found");
      return respondJson(c, 200, toStoredEventJson(stored));
    },
  }),
];

/**
 * Responds with a stream of events. `after` is the id to resume from when the client sends no
 * `Last-Event-ID`: it has its first events from elsewhere.
 *
 * @throws {Problem} when it can't
 */
export async function streamEvents(
  c: AppContext,
  { query, outbox, after = null }: {
    readonly query: EventQuery;
    readonly outbox: Outbox;
    readonly after?: string | null;
  },
): Promise<Response> {
  const { app, identity } = c.get("hooksRequest");
  const { liveEvents, streams, limits, heartbeat } = app;
  const last = await findLastEvent(outbox, c.req.raw.headers.get("last-event-id") ?? after);
  const headers = {
    "content-type": "text/event-stream",
    "x-accel-buffering": "no",
    "hooks-heartbeat": String(heartbeat),
  };
  if (c.req.method === "HEAD") return respond(c, 200, null, headers);
  if (!streams.tryAcquire()) throw Problem.tooMany("too_many_streams");
  const reader = new StreamReader({
    accepts: createFilter(query),
    after: last?.position ?? START,
    encode: encodeEvent,
    limit: limits.streamBuffer,
    isExpired: () => isExpired(identity),
    onEnd: () => {
      liveEvents!.delete(reader);
      streams.release();
    },
  });
  try {
    await startReader(reader, last, outbox, app);
  } catch (error) {
    reader.end();
    throw error;
  }
  return respond(c, 200, reader.body, headers);
}

/** The event that a client has received last, and when it was created or accepted. */
type LastEvent = { readonly position: Position; readonly time: number };

/** Starts with live events, or with those that the client has missed. */
async function startReader(
  reader: StreamReader,
  last: LastEvent | undefined,
  outbox: Outbox,
  { liveEvents, logger }: AppState,
): Promise<void> {
  const position = await liveEvents!.add(reader);
  // A client that disconnects before its first event can resume as well: it gets a position, or a time.
  if (last === undefined) return reader.start(position.id || createEventId());
  const missed = missedEvents(outbox, { after: last.position, upTo: position, time: last.time });
  void reader.resume(missed).catch((error) => {
    guarded(() => logger.warn("An event stream could not be resumed", maskError(error)));
    reader.end();
  });
}

/** Returns the event to resume from; undefined to start with live events. */
async function findLastEvent(outbox: Outbox, id: string | null): Promise<LastEvent | undefined> {
  if (id === null || id === "") return undefined;
  const stored = await outbox.getEvent(id);
  const time = timeOfEventId(id) ?? stored?.acceptedAt.getTime();
  if (time === undefined) {
    throw Problem.invalid({ pointer: "Last-Event-ID", detail: "must be the id of an event" });
  }
  const { versionstamp } = stored ?? START; // of an event that is no longer stored: all since then
  return { position: { versionstamp, id }, time };
}

const encoder = /* @__PURE__ */ new TextEncoder();

/** The bytes of events, which all streams share. */
const encodedEvents: WeakMap<StoredEvent, Uint8Array> = /* @__PURE__ */ new WeakMap();

function encodeEvent(stored: StoredEvent): Uint8Array {
  const known = encodedEvents.get(stored);
  if (known !== undefined) return known;
  const { event } = stored;
  const bytes = encoder.encode(`id: ${event.id}\ndata: ${JSON.stringify(toEventJson(event))}\n\n`);
  encodedEvents.set(stored, bytes);
  return bytes;
}

/** Which events a stream sends: all fields must match. */
export type EventQuery = {
  readonly type?: string;
  readonly session?: string;
  readonly run?: string;
};

function createFilter({ type = "*", session, run }: EventQuery): (stored: StoredEvent) => boolean {
  const prefix = type.endsWith("*") ? type.slice(0, -1) : undefined;
  return ({ event }) =>
    (prefix === undefined ? event.type === type : event.type.startsWith(prefix)) &&
    (session === undefined || event.sessionId === session) &&
    (run === undefined || event.runId === run);
}
