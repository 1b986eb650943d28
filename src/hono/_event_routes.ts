import * as v from "valibot";
import { EXAMPLES } from "./_examples.ts";
import { type Param, readBoolean } from "./_input.ts";
import { getEvent, listEvents } from "./_lists.ts";
import { bySession, id, nextPage, page, since, store, type, until } from "./_params.ts";
import { postEvents } from "./_post_events.ts";
import type { Route } from "./_route.ts";
import { boolean, eventId, foreignId, list, object, oneOf, postedEvent } from "./_schemas.ts";
import * as answers from "./_schemas_operations.ts";
import { streamEvents } from "./_stream.ts";

const cloudEvent = {
  type: "object",
  required: ["specversion", "id", "source", "type"],
  properties: {
    specversion: { const: "1.0" },
    id: { type: "string", minLength: 1 },
    source: { type: "string", format: "uri-reference", minLength: 1 },
    type: { type: "string", maxLength: 128 },
    time: { type: "string", format: "date-time" },
    sessionid: { type: "string" },
    data: {},
  },
};
const ceHeader = (name: string): Param => ({
  description: `The attribute ${name}, in CloudEvents' binary mode`,
  schema: v.string(),
});

/** Events in, listed, and streamed. */
export const eventRoutes: readonly Route[] = [{
  method: "POST",
  path: "/events",
  scope: "emit",
  operation: "postEvents",
  summary: "Takes events in",
  description:
    "One event or a batch, which is taken as a whole or not at all; or CloudEvents, one by " +
    "one: a batch that was taken in part is completed when it is sent again. With an outbox, taken " +
    "means stored. An event's id is made here: a posted one is what the sender knows it by, and a " +
    "second event under it is a duplicate.",
  query: {
    wait: {
      description: "Whether the answer tells how each handler ended",
      schema: boolean,
      read: readBoolean,
      example: true,
    },
  },
  headers: {
    "idempotency-key": {
      description: "A second request under it is answered as the first was, and takes nothing in",
      schema: foreignId,
      example: "8f14e45f",
    },
    ...Object.fromEntries(
      ["specversion", "id", "source", "type", "time"].map((name) => [`ce-${name}`, ceHeader(name)]),
    ),
  },
  body: {
    "application/json": {
      schema: v.union([
        postedEvent,
        object({ events: v.pipe(list(postedEvent), v.minLength(1), v.maxLength(100)) }),
      ]),
      example: EXAMPLES.event,
    },
    "application/cloudevents+json": { json: cloudEvent, example: EXAMPLES.cloudEvent },
    "application/cloudevents-batch+json": {
      json: { type: "array", items: cloudEvent, maxItems: 100 },
      example: EXAMPLES.cloudEvents,
    },
  },
  bodyRequired: true,
  answers: {
    202: {
      description: "Taken in: a receipt for each, in their order",
      schema: answers.receipts,
      example: EXAMPLES.receipts,
      headers: { "idempotent-replayed": "true, when the answer is that of an earlier request" },
    },
  },
  problems: [
    ...["idempotency_in_progress", "idempotency_conflict", "store_limit"] as const,
    ...["too_many_waits", "hooks_closed", "hooks_not_ready", ...store] as const,
  ],
  handle: postEvents,
}, {
  method: "GET",
  path: "/events",
  scope: "read",
  operation: "listEvents",
  summary: "Lists the accepted events",
  query: {
    type,
    session: bySession,
    since,
    until,
    order: {
      description: "By the time in their ids; newest if it is not there",
      schema: oneOf(["newest", "oldest"]),
      example: "oldest",
    },
    ...page,
  },
  answers: {
    200: {
      description: "A page; it may be empty though there are more",
      schema: answers.events,
      example: EXAMPLES.events,
      headers: nextPage,
    },
  },
  problems: store,
  handle: listEvents,
}, {
  method: "GET",
  path: "/events/stream",
  scope: "read",
  operation: "streamEvents",
  summary: "Streams events as they are accepted, by any instance",
  description:
    "Server-sent events in the order of their commits: id is the event's, data is the event. " +
    "A reader that does not keep up gets a last event named overflow; after that, as after any other " +
    "end, Last-Event-ID goes on behind what it has got.",
  query: { type, session: bySession },
  headers: {
    "last-event-id": {
      description: "The last id that the stream told",
      schema: eventId,
    },
  },
  answers: {
    200: {
      description: "Events, until one side ends it",
      mediaType: "text/event-stream",
      schema: v.string(),
      example: EXAMPLES.stream,
    },
  },
  problems: ["too_many_streams", "hooks_closed", "hooks_not_ready", ...store],
  handle: streamEvents,
}, {
  method: "GET",
  path: "/events/:id",
  scope: "read",
  operation: "getEvent",
  summary: "Gives one accepted event",
  pathParams: { id },
  answers: {
    200: { description: "The event", schema: answers.storedEvent, example: EXAMPLES.stored },
  },
  problems: ["event_not_found", ...store],
  handle: getEvent,
}];
