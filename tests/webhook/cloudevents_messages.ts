/**
 * CloudEvents messages for tests, and their issues.
 * @module
 */
import assert from "node:assert/strict";
import { EventValidationError, type HookEvent } from "@omniagent/hooks";
import { type CloudEventMessage, decodeCloudEvents } from "@omniagent/hooks/webhook";

export const STRUCTURED = "application/cloudevents+json";
export const BATCH = "application/cloudevents-batch+json";
export const REQUIRED = { specversion: "1.0", id: "1", source: "/s", type: "a.b" };
export const EVENT: HookEvent = {
  id: "0192f0c1-7c1e-7a3b-8f55-2f6f0a5c9d10",
  type: "tool.called",
  timestamp: new Date("2026-04-22T10:30:00.123Z"),
  sessionId: "s-1",
  data: { name: "bash", params: { list: [1, null, "ü 😀"] } },
};

export function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

export function decode({ headers, body }: CloudEventMessage): ReturnType<typeof decodeCloudEvents> {
  return decodeCloudEvents(new Headers(headers), body);
}

export function structured(members: Record<string, unknown>, contentType = STRUCTURED) {
  const envelope = { ...REQUIRED, ...members };
  return { headers: { "content-type": contentType }, body: bytes(JSON.stringify(envelope)) };
}

export function binary(
  headers: Record<string, string>,
  body: string | Uint8Array<ArrayBuffer> = "{}",
) {
  const required = Object.entries(REQUIRED).map(([name, value]) => [`ce-${name}`, value]);
  return {
    headers: {
      "content-type": "application/json",
      ...Object.fromEntries(required) as Record<string, string>,
      ...headers,
    },
    body: typeof body === "string" ? bytes(body) : body,
  };
}

export function raw(
  contentType: string,
  body: string | Uint8Array<ArrayBuffer>,
): CloudEventMessage {
  return {
    headers: { "content-type": contentType },
    body: typeof body === "string" ? bytes(body) : body,
  };
}

/** Returns the issues, each as its path; any other error fails the test. */
export function faultsOf(run: () => unknown): string[] {
  try {
    run();
  } catch (error) {
    assert(error instanceof EventValidationError, `not an EventValidationError: ${error}`);
    return error.issues.map(({ path = [] }) => path.join("."));
  }
  return [];
}
