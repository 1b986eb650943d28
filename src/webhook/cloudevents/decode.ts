import { correlationOf, isTraceparent, parseTime } from "../../core/event_rules.ts";
import { decodeBase64 } from "../../internal/bytes.ts";
import {
  isJson,
  isText,
  isUtf8,
  type MediaType,
  parseMediaType,
} from "../../internal/http_fields.ts";
import { decodeUtf8, type JsonText, parseJson } from "../../internal/json_text.ts";
import { isObject } from "../../internal/validate.ts";
import { type Attributes, checkAttributes, decodeHeaderValue, Issues } from "./attributes.ts";

/** A received CloudEvent as an event that has no id yet. */
export interface ReceivedCloudEventBody {
  /** Its type, which is a valid event type. */
  readonly type: string;
  /** When it happened; absent if the sender did not set it. Precise to the millisecond. */
  readonly timestamp?: Date;
  /** The extension `sessionid`, if it has one. */
  readonly sessionId?: string;
  /** The extension `runid`, if it has one. */
  readonly runId?: string;
  /** The extension `traceparent`, if it has a valid one. */
  readonly traceparent?: string;
  /** The payload: JSON, or a string if the data was text or XML; null without data. */
  readonly data: unknown;
}

/** A received CloudEvent. */
export interface ReceivedCloudEvent {
  /** Where it comes from, a URI-reference. */
  readonly source: string;
  /** Its id, which is unique for its source only. */
  readonly id: string;
  /** Its event. */
  readonly event: ReceivedCloudEventBody;
  /**
   * Its other attributes: `subject`, `dataschema`, `datacontenttype` and extensions. In binary mode, all
   * values are strings.
   */
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}

/** The content modes of the HTTP binding. */
export type CloudEventsMode = "structured" | "batch" | "binary";

const JSON_FORMATS = ["application/cloudevents+json", "application/cloudevents-batch+json"];
/** A media type of CloudEvents, in any format: `application/cloudevents`, `…-batch`, `…+json`, `…+avro`. */
const FORMAT = /^application\/cloudevents(-batch)?(?:\+|$)/;
const REQUIRED_HEADERS = ["ce-specversion", "ce-id", "ce-source", "ce-type"];

/**
 * Returns the mode of a message with CloudEvents; undefined if it is another message.
 *
 * The content type decides. Otherwise, any of the four `ce-` headers that a CloudEvent must have makes a
 * message binary, so that one without all of them is rejected instead of read as something else.
 */
export function cloudEventsModeOf(headers: Headers): CloudEventsMode | undefined {
  const format = FORMAT.exec(parseMediaType(headers.get("content-type"))?.essence ?? "");
  if (format !== null) return format[1] ? "batch" : "structured";
  return REQUIRED_HEADERS.some((name) => headers.has(name)) ? "binary" : undefined;
}

/**
 * Decodes the CloudEvents 1.0.2 of an HTTP message in any of the three modes: one, or all of a batch in
 * order. A message with an issue is rejected as a whole.
 *
 * Data is JSON, or text or XML, which become a string. Types must be valid event types: dot-separated
 * words of `[a-z0-9_]`.
 *
 * @throws {EventValidationError} with every issue, by the attribute's name after its index in a batch
 */
export function decodeCloudEvents(
  headers: Headers,
  body: Uint8Array,
): readonly ReceivedCloudEvent[] {
  const issues = new Issues();
  const events = decode(headers, body, issues);
  issues.throwIfAny("Cannot decode CloudEvents");
  return events;
}

/**
 * Returns the idempotency key of a CloudEvent: two events have the same key if and only if they have the
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
  issues: Issues,
): readonly ReceivedCloudEvent[] {
  const mode = cloudEventsModeOf(headers);
  if (mode === "binary") return [readBinary(headers, body, issues)];
  const json = readJsonBody(headers, body, issues);
  if (json === undefined) return [];
  // Numbers in data that a double would change. As an attribute, such a number is out of range anyway.
  const position = mode === "structured" ? 0 : 1;
  issues.addAll(json.issues.filter(({ path }) => path?.[position] === "data"));
  if (mode === "structured") return [readEnvelope(json.value, issues)];
  if (Array.isArray(json.value)) {
    return json.value.map((element, index) => readEnvelope(element, issues.within(index)));
  }
  issues.add("must be a JSON array");
  return [];
}

/** Reads the body of the other two modes. Of the formats of CloudEvents, only JSON is supported. */
function readJsonBody(
  headers: Headers,
  body: Uint8Array,
  issues: Issues,
): JsonText | undefined {
  const type = parseMediaType(headers.get("content-type") ?? "");
  if (type === undefined || !JSON_FORMATS.includes(type.essence)) {
    issues.add(
      `must be ${JSON_FORMATS.join(" or ")}, unless there are ce- headers`,
      "content-type",
    );
    return undefined;
  }
  if (!isUtf8(type)) {
    issues.add("must have no charset but UTF-8", "content-type");
    return undefined;
  }
  const json = parseJson(body);
  if (json.value !== undefined) return json;
  issues.addAll(json.issues);
  return undefined;
}

/** Reads an envelope (JSON format, section 3). An attribute that is null is not set (2.2). */
function readEnvelope(envelope: unknown, issues: Issues): ReceivedCloudEvent {
  const isEnvelope = isObject(envelope);
  if (!isEnvelope) issues.add("must be a JSON object");
  const members = new Map<string, unknown>(Object.entries(isEnvelope ? envelope : {}));
  const data = readMembers(members, issues);
  members.delete("data");
  members.delete("data_base64");
  for (const [name, value] of members) {
    if (value === null) members.delete(name);
  }
  if (isEnvelope) checkAttributes(members, issues);
  return toReceived(members, data, issues);
}

/** Reads the data of an envelope. Unlike an attribute, `data` can be null. */
function readMembers(members: Attributes, issues: Issues): RawData | undefined {
  const base64 = members.get("data_base64") ?? undefined;
  if (base64 === undefined) {
    return members.has("data") ? { key: "data", value: members.get("data") } : undefined;
  }
  const bytes = typeof base64 === "string" ? decodeBase64(base64) : undefined;
  if (members.has("data")) issues.add("must not be set together with data", "data_base64");
  else if (bytes === undefined) issues.add("must be Base64", "data_base64");
  else return { key: "data_base64", bytes };
  return undefined;
}

/** Reads a binary message (HTTP binding, section 3.1). An empty body means no data. */
function readBinary(headers: Headers, body: Uint8Array, issues: Issues): ReceivedCloudEvent {
  const attributes = new Map<string, string | undefined>();
  for (const [header, value] of headers) {
    if (!header.startsWith("ce-")) continue;
    const name = header.slice("ce-".length);
    if (name === "datacontenttype") {
      issues.add("must be in the header Content-Type only", name);
      continue;
    }
    const text = decodeHeaderValue(value);
    if (text === undefined) issues.add("must be percent-encoded UTF-8", name);
    attributes.set(name, text);
  }
  const contentType = headers.get("content-type");
  if (contentType !== null) attributes.set("datacontenttype", contentType);
  checkAttributes(attributes, issues);
  const data: RawData | undefined = body.length > 0 ? { key: "data", bytes: body } : undefined;
  return toReceived(attributes, data, issues);
}

/** The attributes that have fields of their own in the result. */
const MAPPED: ReadonlySet<string> = /* @__PURE__ */ new Set(
  "specversion id source type time sessionid runid".split(" "),
);

/** Returns the event of attributes and data. Only valid if there are no issues. */
function toReceived(
  attributes: Attributes,
  data: RawData | undefined,
  issues: Issues,
): ReceivedCloudEvent {
  const timestamp = parseTime(attributes.get("time"));
  const textOf = (name: string): string => {
    const text = attributes.get(name) ?? "";
    return typeof text === "object" ? "" : String(text); // an object is an issue already
  };
  const traceparent = attributes.get("traceparent");
  const hasTrace = isTraceparent(traceparent); // one that isn't valid is an extension like any other
  const others = [...attributes].filter(([name]) =>
    !MAPPED.has(name) && !(hasTrace && name === "traceparent")
  );
  return {
    source: attributes.get("source") as string,
    id: attributes.get("id") as string,
    event: {
      type: attributes.get("type") as string,
      ...(timestamp ? { timestamp } : {}),
      ...correlationOf({
        sessionId: textOf("sessionid"),
        runId: textOf("runid"),
        traceparent: hasTrace ? traceparent : undefined,
      }),
      data: readData(data, attributes.get("datacontenttype"), issues),
    },
    attributes: Object.fromEntries(others) as ReceivedCloudEvent["attributes"],
  };
}

/** The data of an event, as it is in the message. */
type RawData =
  | { readonly key: "data"; readonly value: unknown }
  | { readonly key: "data" | "data_base64"; readonly bytes: Uint8Array };

/** The type of data without `datacontenttype` (JSON format 1.0.2, section 3.1.1). */
const DEFAULT_TYPE = "application/json";

/**
 * Returns the payload: the value of JSON data, or a string for text and XML; null without data. Other
 * data is an issue, because the payload of an event is JSON.
 */
function readData(
  raw: RawData | undefined,
  contentType: unknown,
  issues: Issues,
): unknown {
  const type = parseMediaType(contentType ?? DEFAULT_TYPE);
  if (raw === undefined || type === undefined) return null; // an invalid type is an issue already
  if (!isJson(type) && !isText(type)) {
    issues.add("must be JSON, text or XML, as the payload of an event is JSON", "datacontenttype");
    return null;
  }
  if ("bytes" in raw) return readBytes(raw.bytes, raw.key, type, issues);
  if (!isJson(type) && typeof raw.value !== "string") {
    issues.add("must be a string, as datacontenttype is not JSON", raw.key);
  }
  return raw.value;
}

function readBytes(bytes: Uint8Array, key: string, type: MediaType, issues: Issues): unknown {
  if (!isUtf8(type)) return issues.add("must have no charset but UTF-8", "datacontenttype");
  if (!isJson(type)) return decodeUtf8(bytes) ?? issues.add("must be UTF-8", key);
  const json = parseJson(bytes);
  issues.addAll(json.issues.map(({ message, path = [] }) => ({ message, path: [key, ...path] })));
  return json.value;
}
