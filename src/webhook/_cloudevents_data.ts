import type { Faults } from "./_cloudevents_faults.ts";
import {
  isJson,
  isText,
  isUtf8,
  type MediaType,
  parseMediaType,
} from "./_cloudevents_media_type.ts";

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
  const text = decodeUtf8(bytes);
  if (text === undefined) return faults.add("must be UTF-8", key);
  if (!isJson(type)) return text;
  const parsed = parseJson(text);
  if (parsed === undefined) return faults.add("must be JSON, as datacontenttype says", key);
  return parsed.value;
}

/** The text of UTF-8 bytes; undefined if they are not. A byte order mark is dropped. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The value of a JSON text; undefined if it is none. The parser's error quotes the text: it stays here. */
export function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}
