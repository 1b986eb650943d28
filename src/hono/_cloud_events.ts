import * as v from "valibot";
import { adoptEvent } from "../core/snapshot.ts";
import { parseMediaType } from "../internal/http_fields.ts";
import { createEventId } from "../internal/uuid.ts";
import { EventValidationError } from "../core/mod.ts";
import { cloudEventIdempotencyKey, decodeCloudEvents } from "../webhook/cloudevents/mod.ts";
import { findJsonFault } from "./_body.ts";
import type { Call } from "./_call.ts";
import type { Posted } from "./_native_events.ts";
import { type InputError, pointerTo, Problem } from "./_problems.ts";
import { session } from "./_schemas.ts";

/** The attributes that have a name in the specification: others are the sender's, and are not shown. */
const KNOWN = new Set<unknown>([
  ...["specversion", "id", "source", "type", "time", "subject", "sessionid"],
  ...["dataschema", "datacontenttype", "data", "data_base64", "content-type"],
]);
const FORMATS = ["application/cloudevents+json", "application/cloudevents-batch+json"];

/** The events of a message in any of CloudEvents' modes. */
export function readCloudEvents(call: Call, bytes: Uint8Array, isBatch: boolean): Posted {
  const { request: { headers }, state: { limits } } = call;
  const events = decode(headers, bytes);
  if (events.length > limits.events) {
    throw Problem.invalid([{ pointer: "", detail: `must have at most ${limits.events} events` }]);
  }
  const errors = events.flatMap(({ event }, index): InputError[] => {
    const place = isBatch ? `/${index}` : "";
    const { success, issues } = v.safeParse(session, event.sessionId ?? "");
    const fault = findJsonFault(event.data, limits.jsonDepth);
    return [
      ...(success ? [] : [{ pointer: `${place}/sessionid`, detail: issues[0].message }]),
      ...(fault === undefined ? [] : [{ pointer: `${place}/data`, detail: fault }]),
    ];
  });
  if (errors.length > 0) throw Problem.invalid(errors);
  return {
    kind: "cloudevent",
    list: isBatch ? [] : undefined,
    events: events.map(({ event: { timestamp = new Date(), type, data, sessionId }, ...rest }) => {
      const event = { id: createEventId(), type, timestamp, sessionId, data };
      return {
        event: adoptEvent(event, "Cannot dispatch"),
        foreignId: cloudEventIdempotencyKey(rest),
      };
    }),
  };
}

/** Refuses a format of CloudEvents that is not JSON, before its body is read. */
export function checkCloudEventsFormat(headers: Headers): void {
  const essence = parseMediaType(headers.get("content-type"))?.essence ?? "";
  if (/^application\/cloudevents(?:-batch)?(?:\+|$)/.test(essence) && !FORMATS.includes(essence)) {
    throw new Problem("media_type_unsupported");
  }
}

function decode(headers: Headers, bytes: Uint8Array): ReturnType<typeof decodeCloudEvents> {
  try {
    return decodeCloudEvents(headers, bytes);
  } catch (error) {
    if (!(error instanceof EventValidationError)) throw error;
    throw Problem.invalid(error.issues.map(({ path = [], message }) => {
      const keys = path as readonly PropertyKey[];
      const attribute = keys.findIndex((part) => typeof part !== "number");
      const isShown = attribute < 0 || KNOWN.has(keys[attribute]);
      return { pointer: pointerTo(isShown ? keys : keys.slice(0, attribute)), detail: message };
    }));
  }
}
