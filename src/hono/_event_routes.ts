import * as v from "valibot";
import { EXAMPLES } from "./_examples.ts";
import { readBoolean } from "./_input.ts";
import { getEvent, listEvents } from "./_lists.ts";
import { bySession, id, nextPage, page, since, store, type, until } from "./_params.ts";
import { postEvents } from "./_post_events.ts";
import type { Route } from "./_route.ts";
import {
  boolean,
  idempotencyKey,
  list,
  object,
  oneOf,
  ownEventId,
  payloads,
  postedEvent,
} from "./_schemas.ts";
import * as answers from "./_schemas_operations.ts";
import { streamEvents } from "./_stream.ts";

/** Text of CloudEvents: no control characters and no noncharacters. */
const TEXT = "^[^\\u0000-\\u001f\\u007f-\\u009f\\ufdd0-\\ufdef\\ufffe\\uffff]+$";
const cloudEvent = {
  type: "object",
  description: "Attributes are Unicode text without control characters and noncharacters. " +
    "data_base64 is accepted instead of data when datacontenttype is JSON, text or XML.",
  required: ["specversion", "id", "source", "type"],
  properties: {
    specversion: { const: "1.0" },
    id: { type: "string", pattern: TEXT },
    source: { type: "string", format: "uri-reference", minLength: 1 },
    type: { type: "string", pattern: "^[a-z0-9_]+(\\.[a-z0-9_]+)*$", maxLength: 128 },
    time: { type: "string", format: "date-time", pattern: "^[^ ]+:[0-5]\\d(\\.\\d+)?[^:]" },
    subject: { type: "string", pattern: TEXT },
    dataschema: { type: "string", format: "uri" },
    datacontenttype: { type: "string", const: "application/json" },
    sessionid: { type: "string", pattern: TEXT.replace("+$", "*$"), maxLength: 256 },
    data: {},
  },
  propertyNames: { pattern: "^[a-z0-9]+$" },
  additionalProperties: { type: ["string", "boolean", "null"], pattern: TEXT.replace("+$", "*$") },
  allOf: payloads,
};

/** Events in, listed, and streamed. */
export const eventRoutes: readonly Route[] = [{
  method: "POST",
  path: "/events",
  scope: "emit",
  operation: "postEvents",
  summary: "Takes events in",
  description:
    "One event, or a batch that is stored as a whole or not at all; or CloudEvents, which are stored " +
    "one by one: send a batch that failed halfway again to complete it. CloudEvents in binary mode " +
    "have their attributes in ce-* headers, and data as the body. Every event gets an id here: a posted " +
    "id is what the sender knows it by, and a second event with that id is a duplicate. An event is at " +
    "most 256 KiB, 64 levels deep, and has no integers beyond 2^53. The data of an agent event has the " +
    "fields of its type.",
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
      description:
        "A second request with it gets the response of the first, and stores nothing. Requires an " +
        "outbox. A CloudEvents batch that has one is stored as a whole or not at all. May also be a " +
        "quoted string, as in RFC 9651",
      schema: idempotencyKey,
      example: "8f14e45f",
    },
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
      schema: ownEventId,
    },
  },
  answers: {
    200: {
      description: "Events, until one side ends it",
      mediaType: "text/event-stream",
      schema: v.string(),
      example: EXAMPLES.stream,
      headers: {
        "hooks-heartbeat":
          "How often the stream sends at least a comment, in milliseconds: after " +
          "the silence of three, the connection is lost",
      },
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
