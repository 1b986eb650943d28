import { findEnvelopeIssues } from "../../core/event_rules.ts";
import type { HookEvent } from "../../core/mod.ts";
import { isSnapshot } from "../../core/snapshot.ts";
import { copyJson } from "../../internal/json.ts";
import { checkKnown } from "../../internal/options.ts";
import {
  encodeHeaderValue,
  findTextIssue,
  Issues,
  isUriReference,
  SPEC_VERSION,
} from "./attributes.ts";

/** The default of the attribute `source`. */
export const CLOUDEVENTS_SOURCE = "urn:omniagent:hooks";

/** Options of `encodeCloudEventBatch`. */
export interface CloudEventBatchOptions {
  /**
   * The attribute `source`: where the events come from, a URI-reference. To receivers, events with
   * the same source and id are duplicates, so it must not change when an event is sent again.
   *
   * @default {"urn:omniagent:hooks"}
   */
  readonly source?: string | undefined;
}

/** Options of `encodeCloudEvent`. */
export interface CloudEventOptions extends CloudEventBatchOptions {
  /**
   * The attribute `id`. To forward an event that was received as a CloudEvent, set the `source` and
   * the `id` that it had.
   *
   * @default the event's id
   */
  readonly id?: string | undefined;
  /**
   * Where the attributes are: in the body with the data (`"structured"`), or in `ce-` headers, with
   * only the data in the body (`"binary"`).
   *
   * @default {"structured"}
   */
  readonly mode?: "structured" | "binary" | undefined;
}

/** CloudEvents as an HTTP message. */
export interface CloudEventMessage {
  /** Its headers, with names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body, JSON in UTF-8. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/**
 * Encodes an event as a CloudEvent 1.0.2 over HTTP. `id` and `type` are the event's, `time` its timestamp,
 * and `data` is JSON. The extensions `sessionid`, `runid` and `traceparent` are its session, run and trace,
 * if it has them.
 *
 * The format is that of the
 * [HTTP binding](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md)
 * and the
 * [JSON format](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md).
 *
 * ```ts
 * import { encodeCloudEvent } from "@omniagent/hooks/webhook";
 *
 * const event = { id: "e-1", type: "order.paid", timestamp: new Date(), data: { total: 5 } };
 * const { headers } = encodeCloudEvent(event, { source: "https://shop.example/", mode: "binary" });
 * console.log(headers["ce-type"]); // order.paid
 * ```
 *
 * @throws {EventValidationError} with every issue by path, such as a session id with control characters,
 * which CloudEvents doesn't allow.
 */
export function encodeCloudEvent(
  event: HookEvent,
  options: CloudEventOptions = {},
): CloudEventMessage {
  checkKnown("Cannot encode a CloudEvent", options, ["source", "id", "mode"]);
  const issues = new Issues();
  const data = readEvent(event, options, issues);
  issues.throwIfAny("Cannot encode a CloudEvent");
  const attributes = toAttributes(event, options);
  return options.mode === "binary"
    ? toMessage("application/json", data, toHeaders(attributes))
    : toMessage("application/cloudevents+json", toEnvelope(attributes, data));
}

/**
 * Encodes events as a batch of CloudEvents 1.0.2, in order. A batch may be empty. Send one only to a
 * receiver that asked for batches (HTTP binding, section 3).
 *
 * @throws {EventValidationError} with every issue by path, which starts with the event's index
 */
export function encodeCloudEventBatch(
  events: readonly HookEvent[],
  options: CloudEventBatchOptions = {},
): CloudEventMessage {
  checkKnown("Cannot encode a batch of CloudEvents", options, ["source"]);
  const { source } = options;
  const issues = new Issues();
  const data = events.map((event, i) => readEvent(event, { source }, issues.within(i)));
  issues.throwIfAny("Cannot encode a batch of CloudEvents");
  const batch = events.map((event, i) => toEnvelope(toAttributes(event, { source }), data[i]));
  return toMessage("application/cloudevents-batch+json", batch);
}

/** Adds the issues of an event, and returns its data in JSON form. */
function readEvent(event: HookEvent, { source, id }: CloudEventOptions, issues: Issues): unknown {
  if (source !== undefined && !isUriReference(source)) {
    issues.add("must be a non-empty URI-reference", "source");
  }
  if (id !== undefined && (id === "" || findTextIssue(id) !== undefined)) {
    issues.add("must be non-empty text without control characters", "id");
  }
  const envelope = findEnvelopeIssues(event);
  issues.addAll(envelope);
  if (envelope.length > 0) return undefined;
  for (const name of ["sessionId", "runId"] as const) {
    const issue = findTextIssue(event[name] ?? "");
    if (issue !== undefined) issues.add(issue, name);
  }
  if (isSnapshot(event)) return event.data;
  const data = copyJson(event.data, "data");
  issues.addAll(data.issues);
  return data.value;
}

/** Returns the attributes in the order in which they are written. */
function toAttributes(
  event: HookEvent,
  { source = CLOUDEVENTS_SOURCE, id = event.id }: CloudEventOptions,
): Readonly<Record<string, string>> {
  return {
    specversion: SPEC_VERSION,
    id,
    source,
    type: event.type,
    time: event.timestamp.toISOString(),
    ...(event.sessionId ? { sessionid: event.sessionId } : {}),
    ...(event.runId ? { runid: event.runId } : {}),
    ...(event.traceparent ? { traceparent: event.traceparent } : {}),
  };
}

function toEnvelope(attributes: Readonly<Record<string, string>>, data: unknown): unknown {
  return { ...attributes, datacontenttype: "application/json", data };
}

function toHeaders(attributes: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, text]) => [`ce-${name}`, encodeHeaderValue(text)]),
  );
}

function toMessage(
  contentType: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): CloudEventMessage {
  return {
    headers: { "content-type": contentType, ...headers },
    body: new TextEncoder().encode(JSON.stringify(body)),
  };
}
