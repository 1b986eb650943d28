import type { HookEvent } from "../core/mod.ts";

/** The fields of an event as they are on the wire. */
export function wireOf({ id, type, timestamp, sessionId, data }: HookEvent): object {
  return { id, type, timestamp, ...(sessionId ? { session_id: sessionId } : {}), data };
}

/** An event that a server sent as JSON. */
export function eventOfWire(text: string): HookEvent {
  const { id, type, timestamp, session_id: sessionId, data } = JSON.parse(text);
  return { id, type, timestamp: new Date(timestamp), ...(sessionId ? { sessionId } : {}), data };
}
