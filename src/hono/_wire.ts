import type { HookEvent } from "../core/mod.ts";
import type {
  Delivery,
  DeliverySummary,
  LoggedAttempt,
  StoredEvent,
  TargetStats,
} from "../outbox/mod.ts";

/** Fields of JSON. */
export type Json = Readonly<Record<string, unknown>>;

/** An event in the form in which it was stored. */
export function wireEvent({ id, type, timestamp, sessionId, data }: HookEvent): Json {
  const session = sessionId ? { session_id: sessionId } : {};
  return { id, type, timestamp: timestamp.toISOString(), ...session, data };
}

/** An accepted event. */
export function wireStored({ event, acceptedAt, targets }: StoredEvent): Json {
  return { ...wireEvent(event), accepted_at: acceptedAt.toISOString(), targets };
}

/** One attempt. */
function wireAttempt({ at, retryAfter, ...attempt }: LoggedAttempt): Json {
  const wait = retryAfter === undefined ? {} : { retry_after: retryAfter };
  return { at: at.toISOString(), ...attempt, ...wait };
}

/** How a delivery stands. */
export function wireDelivery(
  { target, eventId, state, made, attempts, dueAt, leasedUntil }: Delivery,
): Json {
  return {
    target,
    event_id: eventId,
    state,
    made,
    ...optional("due_at", dueAt),
    ...optional("leased_until", leasedUntil),
    attempts: attempts.map(wireAttempt),
  };
}

/** A delivery in a list. */
export function wireSummary(summary: DeliverySummary): Json {
  const { target, eventId, state, dueAt, leasedUntil, made, lastAttempt, diedAt, reason } = summary;
  return {
    target,
    event_id: eventId,
    state,
    ...optional("due_at", dueAt),
    ...optional("leased_until", leasedUntil),
    ...(made === undefined ? {} : { made }),
    ...(lastAttempt === undefined ? {} : { last_attempt: wireAttempt(lastAttempt) }),
    ...optional("died_at", diedAt),
    ...(reason === undefined ? {} : { reason }),
  };
}

/** A target with its figures. */
export function wireFigures(
  { failingSince, pausedUntil, inFlight, leasedUntil, ...figures }: TargetStats,
): Json {
  return {
    ...figures,
    in_flight: inFlight,
    ...optional("leased_until", leasedUntil),
    ...optional("failing_since", failingSince),
    ...optional("paused_until", pausedUntil),
  };
}

function optional(name: string, time: Date | undefined): Json {
  return time === undefined ? {} : { [name]: time.toISOString() };
}
