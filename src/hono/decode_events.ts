import * as v from "valibot";
import { agentEventJsonSchemas } from "../core/agent_event_schemas.ts";
import { isTraceparent, parseTime } from "../core/event_rules.ts";
import { EventValidationError, type HookEvent } from "../core/mod.ts";
import { adoptEvent, type EventFields } from "../core/snapshot.ts";
import { parseMediaType } from "../internal/http_fields.ts";
import { createEventId } from "../internal/uuid.ts";
import {
  cloudEventIdempotencyKey,
  type CloudEventsMode,
  cloudEventsModeOf,
  decodeCloudEvents,
} from "../webhook/cloudevents/decode.ts";
import { checkJsonType, checkPlainUtf8, findNestingIssue, parseJsonBody } from "./body.ts";
import type { Settings } from "./options.ts";
import { type InputError, Problem, toPointer } from "./problems.ts";
import * as s from "./schemas.ts";

/** The events of a request. */
export type PostedEvents = {
  readonly events: readonly PostedEvent[];
  /** The kind of external ids: those of native events and of CloudEvents are unrelated. */
  readonly kind: "event" | "cloudevent";
  /** The path to the list of events in the body; undefined if the body is one event. */
  readonly list: readonly string[] | undefined;
};

/** An event of a request. */
type PostedEvent = {
  readonly event: HookEvent;
  /** Whether the sender set the timestamp. */
  readonly hasTimestamp: boolean;
  /** The id by which its sender knows the event. */
  readonly externalId: string | undefined;
};

/** What `data` of agent events is: one metadata action, which the document omits without `validate`. */
export const payloadRules: v.MetadataAction<unknown, s.JsonSchema> = v.metadata({
  allOf: Object.entries(agentEventJsonSchemas()).map(([type, data]) => ({
    if: { properties: { type: { const: type } }, required: ["type"] },
    then: { properties: { data }, required: ["data"] },
  })),
});

/** A native event. Null counts as absent, as in the Go package. */
const nativeEvent = s.object({
  type: s.eventType,
  id: v.nullish(s.externalId),
  timestamp: v.nullish(s.time),
  session_id: v.nullish(s.session),
  run_id: v.nullish(s.run),
  traceparent: v.nullish(s.traceparent),
  data: v.unknown(),
});

/** Text of CloudEvents: no control characters and no noncharacters. */
const CHARACTER = "[^\\u0000-\\u001f\\u007f-\\u009f\\ufdd0-\\ufdef\\ufffe\\uffff]";

/** The attributes of a CloudEvent, and its data. */
const cloudEventProperties = {
  specversion: { const: "1.0" },
  id: { type: "string", pattern: `^${CHARACTER}+$` },
  source: { type: "string", format: "uri-reference", minLength: 1 },
  type: { type: "string", pattern: "^[a-z0-9_]+(\\.[a-z0-9_]+)*$", maxLength: 128 },
  time: { type: "string", format: "date-time", pattern: "^[^ ]+:[0-5]\\d(\\.\\d+)?[^:]" },
  subject: { type: "string", pattern: `^${CHARACTER}+$` },
  dataschema: { type: "string", format: "uri" },
  datacontenttype: { type: "string", const: "application/json" },
  sessionid: { type: "string", pattern: `^${CHARACTER}*$`, maxLength: 256 },
  runid: { type: "string", pattern: `^${CHARACTER}*$`, maxLength: 256 },
  traceparent: { type: "string", pattern: `^${CHARACTER}*$` },
  data: {},
};

/** A CloudEvent for the OpenAPI document. `decodeCloudEvents` validates it. */
const cloudEvent = v.pipe(
  v.unknown(),
  v.metadata({
    type: "object",
    description: "Attributes are Unicode text without control characters and noncharacters. " +
      "data_base64 is accepted instead of data if datacontenttype is JSON, text or XML.",
    required: ["specversion", "id", "source", "type"],
    properties: cloudEventProperties,
    propertyNames: { pattern: "^[a-z0-9]+$" },
    additionalProperties: { type: ["string", "boolean", "null"], pattern: `^${CHARACTER}*$` },
  }),
  payloadRules,
);

const example = {
  type: "tool.called",
  session_id: "s-1",
  run_id: "run-1",
  data: { name: "bash", params: { command: "ls" } },
};
const cloudEventExample = {
  specversion: "1.0",
  id: "A234-1234-1234",
  source: "https://agent.example/runs/7",
  type: "tool.called",
  time: s.EXAMPLE_TIME,
  sessionid: "s-1",
  runid: "run-1",
  datacontenttype: "application/json",
  data: example.data,
};

/** The bodies of `POST /events` in the OpenAPI document. */
export const eventBodies: Readonly<Record<string, s.Media>> = documentBodies();

function documentBodies(): Readonly<Record<string, s.Media>> {
  const notABatch = v.metadata({ not: { required: ["events"] } });
  const event = v.pipe(nativeEvent as s.Schema, payloadRules, notABatch);
  const batch = s.object({ events: v.pipe(s.list(event), v.minLength(1), v.maxLength(100)) });
  return {
    "application/json": { schema: v.union([event, batch]), example },
    "application/cloudevents+json": { schema: cloudEvent, example: cloudEventExample },
    "application/cloudevents-batch+json": {
      schema: v.pipe(v.array(cloudEvent), v.maxLength(100)),
      example: [cloudEventExample, { ...cloudEventExample, id: "A234-1234-1235" }],
    },
  };
}

/**
 * Returns how the headers of a request say that its body has CloudEvents; undefined for native JSON.
 *
 * @throws {Problem} when the body can't be read
 */
export function readMode(headers: Headers): CloudEventsMode | undefined {
  const mode = cloudEventsModeOf(headers);
  if (mode === undefined) checkJsonType(headers);
  else checkPlainUtf8(headers);
  const { essence = "" } = parseMediaType(headers.get("content-type")) ?? {};
  const isJsonFormat = Object.hasOwn(eventBodies, essence);
  if (mode !== undefined && mode !== "binary" && !isJsonFormat) {
    throw new Problem("media_type_unsupported"); // such as application/cloudevents+avro
  }
  return mode;
}

/** The context for reading events. */
type DecodeOptions = {
  readonly limits: Settings["limits"];
  /** The trace of the request, for events that name none. */
  readonly traceparent: string | undefined;
};

/** Returns the trace of a request; undefined without a valid one. */
export function traceparentIn(headers: Headers): string | undefined {
  const traceparent = headers.get("traceparent");
  return isTraceparent(traceparent) ? traceparent : undefined;
}

/** Reads a body of native JSON: an event, or `{ "events": [...] }`. @throws {Problem} */
export function readNativeEvents(
  bytes: Uint8Array,
  { limits, traceparent }: DecodeOptions,
): PostedEvents {
  const { value: body, issues } = parseJsonBody(bytes, limits.jsonDepth);
  const isBatch = typeof body === "object" && body !== null && Object.hasOwn(body, "events");
  const values = isBatch
    ? readBatch((body as { readonly events: unknown }).events, limits.events)
    : [body];
  // Only payloads are checked for numbers that a double would change: unknown fields are ignored.
  const isPayload = ([first, , third]: readonly unknown[]): boolean =>
    isBatch ? first === "events" && third === "data" : first === "data";
  const errors: InputError[] = [];
  for (const { path = [], message } of issues) {
    if (isPayload(path)) {
      errors.push({ pointer: toPointer(path as readonly PropertyKey[]), detail: message });
    }
  }
  const valid = values.map((value, index) => {
    const result = s.check(nativeEvent, value, isBatch ? ["events", index] : []);
    errors.push(...result.errors);
    return result.output;
  });
  if (errors.length > 0) throw Problem.invalid(...errors);
  const events = valid.map((event) => toPostedEvent(event!, traceparent));
  return { events, kind: "event", list: isBatch ? ["events"] : undefined };
}

function readBatch(events: unknown, max: number): readonly unknown[] {
  if (Array.isArray(events) && events.length >= 1 && events.length <= max) return events;
  throw Problem.invalid({ pointer: "/events", detail: `must be a list of 1 to ${max} events` });
}

function toPostedEvent(
  fields: v.InferOutput<typeof nativeEvent>,
  ofRequest: string | undefined,
): PostedEvent {
  const { type, id, timestamp, session_id: sessionId, run_id: runId, data } = fields;
  const traceparent = fields.traceparent ?? ofRequest;
  const event = { type, timestamp: parseTime(timestamp), sessionId, runId, traceparent, data };
  return createEvent(event, id ?? undefined);
}

function createEvent(
  { timestamp, ...fields }: Omit<EventFields, "id" | "timestamp"> & {
    readonly timestamp?: Date | undefined;
  },
  externalId: string | undefined,
): PostedEvent {
  const event = { id: createEventId(), timestamp: timestamp ?? new Date(), ...fields };
  return {
    event: adoptEvent(event, "Cannot dispatch event"),
    hasTimestamp: timestamp !== undefined,
    externalId,
  };
}

/** Reads the events of a CloudEvents message. @throws {Problem} */
export function readCloudEvents(
  headers: Headers,
  bytes: Uint8Array,
  mode: CloudEventsMode,
  { limits, traceparent }: DecodeOptions,
): PostedEvents {
  const isBatch = mode === "batch";
  const received = decode(headers, bytes);
  if (received.length > limits.events) {
    throw Problem.invalid({ pointer: "", detail: `must have at most ${limits.events} events` });
  }
  const errors: InputError[] = [];
  for (const [index, { event }] of received.entries()) {
    const base = isBatch ? `/${index}` : "";
    for (const [name, text = ""] of [["sessionid", event.sessionId], ["runid", event.runId]]) {
      const { success, issues } = v.safeParse(s.session, text);
      if (!success) errors.push({ pointer: `${base}/${name}`, detail: issues[0].message });
    }
    const detail = findNestingIssue(event.data, limits.jsonDepth);
    if (detail !== undefined) errors.push({ pointer: `${base}/data`, detail });
  }
  if (errors.length > 0) throw Problem.invalid(...errors);
  const events = received.map(({ event, ...origin }) =>
    createEvent({ traceparent, ...event }, cloudEventIdempotencyKey(origin))
  );
  return { events, kind: "cloudevent", list: isBatch ? [] : undefined };
}

/** Names that errors may show. Those of extensions come from the sender. */
const ATTRIBUTES: ReadonlySet<PropertyKey> = new Set([
  ...Object.keys(cloudEventProperties),
  "data_base64",
  "content-type",
]);

function decode(headers: Headers, bytes: Uint8Array): ReturnType<typeof decodeCloudEvents> {
  try {
    return decodeCloudEvents(headers, bytes);
  } catch (error) {
    if (!(error instanceof EventValidationError)) throw error;
    throw Problem.invalid(...error.issues.map(({ path = [], message }) => {
      const keys = path as readonly PropertyKey[];
      const name = keys.findIndex((key) => typeof key !== "number");
      const isShown = name < 0 || ATTRIBUTES.has(keys[name]!);
      return { pointer: toPointer(isShown ? keys : keys.slice(0, name)), detail: message };
    }));
  }
}
