import * as v from "valibot";
import type { HookEvent } from "../core/mod.ts";
import { adoptEvent } from "../core/snapshot.ts";
import { parseTime } from "../core/event_rules.ts";
import { createEventId } from "../internal/uuid.ts";
import { parseJsonBody } from "./_body.ts";
import type { Call } from "./_call.ts";
import { readValue } from "./_input.ts";
import { type InputError, pointerTo, Problem } from "./_problems.ts";
import { postedEvent } from "./_schemas.ts";

/** Events as they were posted. */
export type Posted = {
  readonly events: readonly {
    readonly event: HookEvent;
    /** What the sender knows the event by. */
    readonly foreignId: string | undefined;
  }[];
  /** What the senders' ids are of: those of one kind say nothing of those of another. */
  readonly kind: "event" | "cloudevent";
  /** The path to the list of them in the body; undefined: the body is the event. */
  readonly list: readonly string[] | undefined;
};

/** The events of a body of native JSON: one, or `{ "events": [...] }`. */
export function readNativeEvents(call: Call, bytes: Uint8Array): Posted {
  const { limits } = call.state;
  const { value: body, issues } = parseJsonBody(bytes, limits.jsonDepth);
  const isBatch = typeof body === "object" && body !== null && Object.hasOwn(body, "events");
  const values = isBatch ? readBatch((body as Batch).events, limits.events) : [body];
  // Unknown fields are ignored, whatever is in them.
  const inData = ([first, , third]: readonly unknown[]): boolean =>
    isBatch ? first === "events" && third === "data" : first === "data";
  const errors = issues.flatMap(({ path = [], message }): InputError[] =>
    inData(path) ? [{ pointer: pointerTo(path as PropertyKey[]), detail: message }] : []
  );
  const posted = values.map((value, index) => {
    try {
      return readValue(postedEvent, value, isBatch ? ["events", index] : []);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      errors.push(...error.extras.members!.errors as readonly InputError[]);
      return undefined;
    }
  });
  if (errors.length > 0) throw Problem.invalid(errors);
  const list = isBatch ? ["events"] : undefined;
  return { events: posted.map((one) => readEvent(one!)), kind: "event", list };
}

type Batch = { readonly events: unknown };

function readBatch(events: unknown, most: number): readonly unknown[] {
  const message = `must be a list of 1 to ${most} events`;
  const schema = v.pipe(
    v.array(v.unknown(), message),
    v.minLength(1, message),
    v.maxLength(most, message),
  );
  return readValue(schema, events, ["events"]);
}

function readEvent(posted: v.InferOutput<typeof postedEvent>): Posted["events"][number] {
  const { type, id, timestamp, session_id: sessionId, data } = posted;
  const event = {
    id: createEventId(),
    type,
    timestamp: parseTime(timestamp) ?? new Date(),
    sessionId: sessionId ?? undefined,
    data,
  };
  return { event: adoptEvent(event, "Cannot dispatch"), foreignId: id ?? undefined };
}
