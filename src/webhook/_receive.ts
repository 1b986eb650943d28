import { EventValidationError } from "../core/errors.ts";
import { fromWire, parseEventJson } from "../core/event_codec.ts";
import { adoptEvent, seal } from "../core/snapshot.ts";
import { type Bytes, readBytes, type ReadLimits } from "../internal/bytes.ts";
import type { HookEvent } from "../core/mod.ts";
import { cloudEventsModeOf, decodeCloudEvents } from "./cloudevents.ts";

/** Reads the body of a request as it arrives, unless it says that it is too large. */
export async function readBody(
  request: Request,
  limits: ReadLimits,
): Promise<Bytes | "too_large" | "too_slow"> {
  const { headers, body } = request;
  const declared = headers.get("content-length") ?? "";
  if (/^\d+$/.test(declared) && Number(declared) > limits.maxBytes) return "too_large";
  return await readBytes(body, limits);
}

/**
 * The event of a request: native JSON, or one CloudEvent. What other senders of Standard Webhooks leave
 * out is taken from the headers: the id from `webhook-id`, the time from `webhook-timestamp`.
 *
 * @throws {EventValidationError} when it is none
 */
export function readEvent(
  headers: Headers,
  body: Uint8Array,
  message: { readonly id: string; readonly timestamp: Date },
): HookEvent {
  if (cloudEventsModeOf(headers) === undefined) return readNative(body, message);
  const [received, ...others] = decodeCloudEvents(headers, body);
  if (received === undefined || others.length > 0) {
    throw new EventValidationError("Cannot receive CloudEvents", [
      { message: "must be a single event" },
    ]);
  }
  const { id, timestamp } = message;
  return adoptEvent({ id, timestamp, ...received.event }, "Cannot receive CloudEvents");
}

function readNative(
  body: Uint8Array,
  message: { readonly id: string; readonly timestamp: Date },
): HookEvent {
  const wire = parseEventJson(body);
  const isObject = typeof wire === "object" && wire !== null && !Array.isArray(wire);
  if (!isObject) return fromWire(wire);
  const { id, timestamp } = wire as { readonly id?: unknown; readonly timestamp?: unknown };
  const time = timestamp ?? message.timestamp.toISOString();
  if ((id ?? undefined) !== undefined) return fromWire({ ...wire, timestamp: time });
  const event = fromWire({ ...wire, id: "none", timestamp: time });
  return seal({ ...event, id: message.id });
}
