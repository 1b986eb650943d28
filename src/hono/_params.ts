import { EXAMPLES } from "./_examples.ts";
import { type Param, readInteger } from "./_input.ts";
import {
  cursor,
  eventId,
  integer,
  pathTarget,
  sessionFilter,
  targetName,
  time,
  typePattern,
} from "./_schemas.ts";

export const id: Param = { description: "The event's id", schema: eventId, example: EXAMPLES.id };
export const target: Param = {
  description: "The name of the webhook or durable hook",
  schema: targetName,
  example: "audit",
};
export const inPath: Param = { ...target, schema: pathTarget };
export const type: Param = {
  description: "A type, a prefix such as tool.*, or *",
  schema: typePattern,
  example: "tool.*",
};
export const bySession: Param = {
  description: "Of this session only",
  schema: sessionFilter,
  example: "s-1",
};
export const since: Param = {
  description: "Made at this time or later",
  schema: time,
  example: EXAMPLES.time,
};
export const until: Param = {
  description: "Made before this time",
  schema: time,
  example: EXAMPLES.time,
};
export const page: Readonly<Record<string, Param>> = {
  limit: {
    description: "How many at most; 100 if it is not there",
    schema: integer(1, 1000),
    read: readInteger,
    example: 100,
  },
  cursor: {
    description:
      "next_cursor of an earlier page with the same other parameters. Opaque: no other value is a cursor",
    schema: cursor,
  },
};
export const nextPage = { link: 'The next page, if there is one: <?…>; rel="next"' };
export const store = ["outbox_required", "outbox_unavailable"] as const;
