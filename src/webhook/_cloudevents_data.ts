import { decodeUtf8, parseJson } from "../internal/json_text.ts";
import { isJson, isText, isUtf8, type MediaType, parseMediaType } from "../internal/http_fields.ts";
import type { Faults } from "./_cloudevents_faults.ts";

/** The data of an event, as the message has it. */
export type RawData =
  | { readonly key: "data"; readonly value: unknown }
  | { readonly key: "data" | "data_base64"; readonly bytes: Uint8Array };

/** What an event without `datacontenttype` has (JSON format 1.0.2, section 3.1.1). */
const DEFAULT_TYPE = "application/json";

/**
 * The payload as a JSON value: that of JSON data, or a string for text and XML. Other data is
 * refused: an event's payload is JSON. No data is null.
 */
export function readData(
  raw: RawData | undefined,
  contentType: unknown,
  faults: Faults,
): unknown {
  const type = parseMediaType(contentType ?? DEFAULT_TYPE);
  if (raw === undefined || type === undefined) return null; // a bad type is a fault already
  if (!isJson(type) && !isText(type)) {
    faults.add("must be JSON, text or XML, as the payload of an event is JSON", "datacontenttype");
    return null;
  }
  if ("bytes" in raw) return readBytes(raw.bytes, raw.key, type, faults);
  if (!isJson(type) && typeof raw.value !== "string") {
    faults.add("must be a string, as datacontenttype is not JSON", raw.key);
  }
  return raw.value;
}

function readBytes(bytes: Uint8Array, key: string, type: MediaType, faults: Faults): unknown {
  if (!isUtf8(type)) return faults.add("must have no charset but UTF-8", "datacontenttype");
  if (!isJson(type)) return decodeUtf8(bytes) ?? faults.add("must be UTF-8", key);
  const { value, issues } = parseJson(bytes);
  faults.addAll(issues.map(({ message, path = [] }) => ({ message, path: [key, ...path] })));
  return value;
}
