import { guarded } from "../core/reporter.ts";
import { maskError } from "../internal/mask_error.ts";
import { createEventId } from "../internal/uuid.ts";
import type { StoredEvent } from "../outbox/mod.ts";
import { isExpired } from "./_auth.ts";
import type { Call } from "./_call.ts";
import { history, type Place } from "./_history.ts";
import { outboxOf } from "./_outbox.ts";
import { START, timeOf } from "./_position.ts";
import { Problem, tooMany } from "./_problems.ts";
import { StreamReader } from "./_stream_reader.ts";

/** The filter of a query. */
type Query = { readonly type?: string; readonly session?: string };

/** Events as they come, as server-sent events. */
export async function streamEvents(call: Call): Promise<Response> {
  const { feed, streams, limits, logger } = call.state;
  outboxOf(call);
  const after = await placeOf(call, call.request.headers.get("last-event-id"));
  const headers = {
    "content-type": "text/event-stream",
    "x-accel-buffering": "no",
    "hooks-heartbeat": String(feed!.heartbeat),
  };
  if (call.request.method === "HEAD") return call.respond(200, null, headers);
  if (!streams.tryAcquire()) throw tooMany("too_many_streams");
  const reader = new StreamReader({
    wants: filterOf(call.query as Query),
    after: after ?? START,
    limit: limits.streamBuffer,
    isOver: () => isExpired(call.identity),
    ended: () => {
      feed!.delete(reader);
      streams.release();
    },
  });
  try {
    const position = await feed!.add(reader);
    // A reader that has had no event yet can go on as well: its place is told, or the time.
    if (after === undefined) reader.begin(position.id || createEventId());
    else {
      const missed = history(outboxOf(call), after, position);
      void reader.catchUp(missed).catch((error) => {
        guarded(() => logger.warn("An event stream could not be resumed", maskError(error)));
        reader.end();
      });
    }
  } catch (error) {
    reader.end();
    throw error;
  }
  return call.respond(200, reader.body, headers);
}

/** Where a reader goes on; undefined: with what comes from now on. */
async function placeOf(call: Call, lastId: string | null): Promise<Place | undefined> {
  if (lastId === null || lastId === "") return undefined;
  const stored = await outboxOf(call).getEvent(lastId);
  const made = timeOf(lastId); // an id from elsewhere has no time
  const time = Number.isNaN(made) ? stored?.acceptedAt.getTime() : made;
  if (time === undefined) {
    throw Problem.invalid([{ pointer: "Last-Event-ID", detail: "must be the id of an event" }]);
  }
  const { versionstamp } = stored ?? START; // no longer kept: all since then
  return { versionstamp, id: lastId, time };
}

function filterOf({ type = "*", session }: Query): (stored: StoredEvent) => boolean {
  const prefix = type.endsWith("*") ? type.slice(0, -1) : undefined;
  return ({ event }) =>
    (prefix === undefined ? event.type === type : event.type.startsWith(prefix)) &&
    (session === undefined || event.sessionId === session);
}
