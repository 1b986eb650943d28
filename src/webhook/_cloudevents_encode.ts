import { checkKnown } from "../internal/options.ts";
import { copyJson } from "../internal/json.ts";
import { findEnvelopeFaults } from "../core/event_rules.ts";
import { isSnapshot } from "../core/snapshot.ts";
import type { HookEvent } from "../core/mod.ts";
import { findTextFault, isUriReference, SPEC_VERSION } from "./_cloudevents_attributes.ts";
import { Faults } from "./_cloudevents_faults.ts";
import { encodeHeaderValue } from "./_cloudevents_headers.ts";

/** The attribute `source` of events for which no other is given. */
export const CLOUDEVENTS_SOURCE = "urn:omniagent:hooks";

/** Options of `encodeCloudEventBatch`. */
export interface CloudEventBatchOptions {
  /**
   * The attribute `source`: where the events come from, a URI-reference. Receivers take events of
   * one source and one id for the same, so it must not change when an event is sent again.
   *
   * @default {"urn:omniagent:hooks"}
   */
  readonly source?: string | undefined;
}

/** Options of `encodeCloudEvent`. */
export interface CloudEventOptions extends CloudEventBatchOptions {
  /**
   * The attribute `id`. An event that came in as a CloudEvent goes on as the same one with the
   * `source` and the `id` that it came with.
   *
   * @default the event's id
   */
  readonly id?: string | undefined;
  /**
   * Where the attributes are: in the body with the data (`"structured"`), or in `ce-` headers, and
   * the body is the data alone (`"binary"`).
   *
   * @default {"structured"}
   */
  readonly mode?: "structured" | "binary" | undefined;
}

/** CloudEvents as an HTTP message. */
export interface CloudEventMessage {
  /** The headers that it needs, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body, JSON in UTF-8. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/**
 * An event as a CloudEvent 1.0.2 over HTTP. `id` and `type` are the event's, `time` its timestamp,
 * the extension `sessionid` its session, if it has one, and `data` is JSON.
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
 * @throws {EventValidationError} naming every fault by path; a session id with control characters
 * is one, as CloudEvents has no room for them
 */
export function encodeCloudEvent(
  event: HookEvent,
  options: CloudEventOptions = {},
): CloudEventMessage {
  checkKnown("Cannot encode a CloudEvent", options, ["source", "id", "mode"]);
  const faults = new Faults();
  const data = readEvent(event, options, faults);
  faults.throwIfAny("Cannot encode a CloudEvent");
  const attributes = toAttributes(event, options);
  return options.mode === "binary"
    ? toMessage("application/json", data, toHeaders(attributes))
    : toMessage("application/cloudevents+json", toEnvelope(attributes, data));
}

/**
 * Events as a batch of CloudEvents 1.0.2, in their order; a batch may be empty. Send one only to a
 * receiver that asked for batches (HTTP binding, section 3).
 *
 * @throws {EventValidationError} naming every fault by path, which starts with the event's index
 */
export function encodeCloudEventBatch(
  events: readonly HookEvent[],
  options: CloudEventBatchOptions = {},
): CloudEventMessage {
  checkKnown("Cannot encode a batch of CloudEvents", options, ["source"]);
  const { source } = options;
  const faults = new Faults();
  const data = events.map((event, i) => readEvent(event, { source }, faults.within(i)));
  faults.throwIfAny("Cannot encode a batch of CloudEvents");
  const batch = events.map((event, i) => toEnvelope(toAttributes(event, { source }), data[i]));
  return toMessage("application/cloudevents-batch+json", batch);
}

/** Notes what is wrong with an event; its data, as JSON has it. */
function readEvent(event: HookEvent, { source, id }: CloudEventOptions, faults: Faults): unknown {
  if (source !== undefined && !isUriReference(source)) {
    faults.add("must be a URI-reference that is not empty", "source");
  }
  if (id !== undefined && (id === "" || findTextFault(id) !== undefined)) {
    faults.add("must be text without control characters that is not empty", "id");
  }
  const envelope = findEnvelopeFaults(event);
  faults.addAll(envelope);
  if (envelope.length > 0) return undefined;
  const fault = findTextFault(event.sessionId ?? "");
  if (fault !== undefined) faults.add(fault, "sessionId");
  if (isSnapshot(event)) return event.data;
  const data = copyJson(event.data, "data");
  faults.addAll(data.issues);
  return data.value;
}

/** The attributes in the order in which they are written. An empty session id means none. */
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
