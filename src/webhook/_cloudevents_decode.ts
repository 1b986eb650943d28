import { decodeBase64 } from "../internal/bytes.ts";
import { isUtf8, parseMediaType } from "../internal/http_fields.ts";
import { type JsonText, parseJson } from "../internal/json_text.ts";
import { type Attributes, checkAttributes } from "./_cloudevents_attributes.ts";
import type { RawData } from "./_cloudevents_data.ts";
import { Faults } from "./_cloudevents_faults.ts";
import { decodeHeaderValue } from "./_cloudevents_headers.ts";
import { type ReceivedCloudEvent, toReceived } from "./_cloudevents_received.ts";

/** The content modes of the HTTP binding. */
export type CloudEventsMode = "structured" | "batch" | "binary";

const JSON_FORMATS = ["application/cloudevents+json", "application/cloudevents-batch+json"];
/** A media type of CloudEvents, in any format: `application/cloudevents`, `…-batch`, `…+json`, `…+avro`. */
const FORMAT = /^application\/cloudevents(-batch)?(?:\+|$)/;
const REQUIRED_HEADERS = ["ce-specversion", "ce-id", "ce-source", "ce-type"];

/**
 * The mode of a message that has CloudEvents; undefined if it has none.
 *
 * The content type decides; any of the four `ce-` headers that a CloudEvent must have makes a
 * message binary, so that the one that lacks another is refused rather than taken for something else.
 */
export function cloudEventsModeOf(headers: Headers): CloudEventsMode | undefined {
  const format = FORMAT.exec(parseMediaType(headers.get("content-type"))?.essence ?? "");
  if (format !== null) return format[1] ? "batch" : "structured";
  return REQUIRED_HEADERS.some((name) => headers.has(name)) ? "binary" : undefined;
}

/**
 * The CloudEvents 1.0.2 of an HTTP message, in any of the three modes: one, or those of a batch in
 * their order. Nothing of a message with a fault is taken.
 *
 * Data is JSON, or text or XML, which become a string. Types must be types of ours: dot-separated
 * words of `[a-z0-9_]`.
 *
 * @throws {EventValidationError} naming every fault by the attribute's name, behind its index in a batch
 */
export function decodeCloudEvents(
  headers: Headers,
  body: Uint8Array,
): readonly ReceivedCloudEvent[] {
  const faults = new Faults();
  const events = decode(headers, body, faults);
  faults.throwIfAny("Cannot decode CloudEvents");
  return events;
}

/**
 * The idempotency key of a CloudEvent: two events have the same one if and only if they have the
 * same source and the same id, which makes them duplicates (CloudEvents 1.0.2, `id`).
 */
export function cloudEventIdempotencyKey(
  event: Pick<ReceivedCloudEvent, "source" | "id">,
): string {
  return JSON.stringify([event.source, event.id]);
}

function decode(
  headers: Headers,
  body: Uint8Array,
  faults: Faults,
): readonly ReceivedCloudEvent[] {
  const mode = cloudEventsModeOf(headers);
  if (mode === "binary") return [readBinary(headers, body, faults)];
  const json = readJsonBody(headers, body, faults);
  if (json === undefined) return [];
  // A number that a double would change: in data. As an attribute it is out of range anyway.
  const place = mode === "structured" ? 0 : 1;
  faults.addAll(json.issues.filter(({ path }) => path?.[place] === "data"));
  if (mode === "structured") return [readEnvelope(json.value, faults)];
  if (Array.isArray(json.value)) {
    return json.value.map((element, index) => readEnvelope(element, faults.within(index)));
  }
  faults.add("must be a JSON array");
  return [];
}

/** The body of the other two modes. CloudEvents has more formats; JSON is the one known here. */
function readJsonBody(
  headers: Headers,
  body: Uint8Array,
  faults: Faults,
): JsonText | undefined {
  const type = parseMediaType(headers.get("content-type") ?? "");
  if (type === undefined || !JSON_FORMATS.includes(type.essence)) {
    faults.add(`must be ${JSON_FORMATS.join(" or ")}, or ce- headers be there`, "content-type");
    return undefined;
  }
  if (!isUtf8(type)) {
    faults.add("must have no charset but UTF-8", "content-type");
    return undefined;
  }
  const { value, issues } = parseJson(body);
  if (value === undefined) faults.addAll(issues);
  return value === undefined ? undefined : { value, issues };
}

/** The event of an envelope (JSON format, section 3). An attribute that is null is not set (2.2). */
function readEnvelope(envelope: unknown, faults: Faults): ReceivedCloudEvent {
  const isObject = typeof envelope === "object" && envelope !== null && !Array.isArray(envelope);
  if (!isObject) faults.add("must be a JSON object");
  const members = new Map(Object.entries(isObject ? envelope : {}));
  const data = readMembers(members, faults);
  members.delete("data");
  members.delete("data_base64");
  for (const [name, value] of members) {
    if (value === null) members.delete(name);
  }
  if (isObject) checkAttributes(members, faults);
  return toReceived(members, data, faults);
}

/** The data of an envelope; unlike an attribute, `data` can be null. */
function readMembers(members: Attributes, faults: Faults): RawData | undefined {
  const base64 = members.get("data_base64") ?? undefined;
  if (base64 === undefined) {
    return members.has("data") ? { key: "data", value: members.get("data") } : undefined;
  }
  const bytes = typeof base64 === "string" ? decodeBase64(base64) : undefined;
  if (members.has("data")) faults.add("must not be there beside data", "data_base64");
  else if (bytes === undefined) faults.add("must be Base64", "data_base64");
  else return { key: "data_base64", bytes };
  return undefined;
}

/** The event of a binary message (HTTP binding, section 3.1). An empty body is no data. */
function readBinary(headers: Headers, body: Uint8Array, faults: Faults): ReceivedCloudEvent {
  const attributes = new Map<string, string | undefined>();
  for (const [header, value] of headers) {
    if (!header.startsWith("ce-")) continue;
    const name = header.slice("ce-".length);
    if (name === "datacontenttype") {
      faults.add("must be in the header Content-Type alone", name);
      continue;
    }
    const text = decodeHeaderValue(value);
    if (text === undefined) faults.add("must be percent-encoded UTF-8", name);
    attributes.set(name, text);
  }
  const contentType = headers.get("content-type");
  if (contentType !== null) attributes.set("datacontenttype", contentType);
  checkAttributes(attributes, faults);
  const data: RawData | undefined = body.length > 0 ? { key: "data", bytes: body } : undefined;
  return toReceived(attributes, data, faults);
}
