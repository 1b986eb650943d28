import * as v from "valibot";
import {
  anything,
  boolean,
  count,
  cursor,
  duration,
  eventId,
  eventType,
  integer,
  list,
  object,
  oneOf,
  reason,
  session,
  strictObject,
  string,
  targetName,
  time,
  typePattern,
} from "./_schemas.ts";

/** How long something may take, in milliseconds. */
const budget = duration(1, 300_000);

/** What is asked of a replay. */
export const replayBody = strictObject({
  target: v.optional(targetName),
  state: v.optional(oneOf(["dead", "delivered"])),
  type: v.optional(typePattern),
  since: v.optional(time),
  until: v.optional(time),
  budget_ms: v.optional(budget),
  cursor: v.optional(cursor),
});

/**
 * What is asked of a drain: it fits the minute of a cron job, and is longer than the timeouts of webhooks
 * (10 s) and durable hooks (30 s), which get nothing otherwise.
 */
export const drainBody = strictObject({ budget_ms: v.optional(budget, 50_000) });

/** What is asked of turning a target off. */
export const disableBody = strictObject({ reason: v.optional(reason) });

const outcome = object({ name: string, ok: boolean, error: v.optional(string) });

/** What became of posted events. */
export const receipts = object({
  receipts: list(object({
    id: eventId,
    deliveries: count,
    duplicate: boolean,
    handlers: v.optional(list(outcome)),
  })),
});

/** An accepted event. */
export const storedEvent = object({
  id: eventId,
  type: eventType,
  timestamp: time,
  session_id: v.optional(session),
  data: anything,
  accepted_at: time,
  targets: list(string),
});

const attempt = object({
  at: time,
  verdict: oneOf(["delivered", "retry", "final", "disable"]),
  duration: v.number(),
  status: v.optional(integer(100, 599)),
  skipped: v.optional(boolean),
  resent: v.optional(boolean),
  error: v.optional(string),
  retry_after: v.optional(v.number()),
  response: v.optional(string),
});

const delivery = {
  target: targetName,
  event_id: eventId,
  state: oneOf(["pending", "delivered", "dead", "expired"]),
  due_at: v.optional(time),
  leased_until: v.optional(time),
};

/** How a delivery stands. */
export const deliveryLog = object({ ...delivery, made: count, attempts: list(attempt) });

/** A page of deliveries. */
export const deliveries = object({
  deliveries: list(object({
    ...delivery,
    type: v.optional(eventType),
    session_id: v.optional(session),
    made: v.optional(count),
    last_attempt: v.optional(attempt),
    died_at: v.optional(time),
    reason: v.optional(string),
  })),
  next_cursor: v.optional(cursor),
});

/** A page of events. */
export const events = object({ events: list(storedEvent), next_cursor: v.optional(cursor) });

/** What is registered. */
export const hooks = object({
  hooks: list(object({
    name: string,
    kind: oneOf(["handler", "hook", "webhook"]),
    events: list(typePattern),
    durable: boolean,
  })),
});

const endpoint = {
  target: targetName,
  state: oneOf(["on", "paused", "off", "deleted"]),
  registered: boolean,
};

/** How a target stands. */
export const target = object(endpoint);

/** All targets, with their figures. */
export const targets = object({
  targets: list(object({
    ...endpoint,
    failures: count,
    failing_since: v.optional(time),
    paused_until: v.optional(time),
    reason: v.optional(string),
    ...{ accepted: count, delivered: count, dead: count, expired: count, pending: count },
    ...{ failed: count, in_flight: count, leased: count },
    leased_until: v.optional(time),
  })),
});

export const retried = object({ outcome: oneOf(["moved", "queued", "replayed"]) });
export const replayed = object({
  replayed: count,
  refused: count,
  next_cursor: v.optional(cursor),
});
export const drained = object({ settled: count, remaining: boolean });
export const healthy = object({ status: oneOf(["ok"]) });
export const readied = object({ status: oneOf(["ready"]) });
