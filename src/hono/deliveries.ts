import * as v from "valibot";
import type { LoggedAttempt, Outbox } from "../outbox/mod.ts";
import { respondJson } from "./context.ts";
import { DRAIN_TIMEOUT, MAX_BUDGET, REPLAY_TIMEOUT } from "./limits.ts";
import { pageOf, pageQuery, respondPage, withCursor, withTimes } from "./pages.ts";
import { found, Problem } from "./problems.ts";
import { defineRoute, type Route } from "./router.ts";
import * as s from "./schemas.ts";

/** One attempt. */
export const attempt = s.object({
  at: s.time,
  verdict: s.oneOf("delivered", "retry", "final", "disable"),
  duration: v.number(),
  status: v.optional(s.integer(100, 599)),
  skipped: v.optional(s.boolean),
  resent: v.optional(s.boolean),
  error: v.optional(s.string),
  retry_after: v.optional(v.number()),
  response: v.optional(s.string),
});
const common = {
  target: s.targetName,
  event_id: s.eventId,
  state: s.oneOf("pending", "delivered", "dead", "expired"),
  due_at: v.optional(s.time),
  leased_until: v.optional(s.time),
};
const delivery = s.object({ ...common, made: s.count, attempts: s.list(attempt) });
const summary = s.object({
  ...common,
  type: v.optional(s.eventType),
  session_id: v.optional(s.session),
  made: v.optional(s.count),
  last_attempt: v.optional(attempt),
  died_at: v.optional(s.time),
  reason: v.optional(s.string),
});

/** One attempt at a delivery in JSON. */
export type AttemptJson = v.InferOutput<typeof attempt>;

/** A delivery with its attempts in JSON. */
export type DeliveryJson = v.InferOutput<typeof delivery>;

/** A delivery of a list in JSON. `type` and `session_id` are those of its event. */
export type DeliverySummaryJson = v.InferOutput<typeof summary>;

/** Returns an attempt in JSON. */
export function toAttemptJson(logged: LoggedAttempt): AttemptJson {
  return s.toJson(attempt, logged);
}

const exampleAttempt: AttemptJson = {
  at: "2026-04-22T10:30:01.000Z",
  verdict: "retry",
  duration: 12,
  status: 503,
  error: "the response was 503",
};
const example = {
  target: "audit",
  event_id: s.EXAMPLE_ID,
  state: "pending",
  due_at: s.EXAMPLE_TIME,
  made: 1,
} as const;

/** How long a replay or a drain may take, in milliseconds. */
const budget = s.duration(1, MAX_BUDGET);

/** Events that are read at the same time for a page of deliveries: each may have megabytes. */
const CONCURRENT_READS = 8;

/** The routes of deliveries. */
export const deliveryRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/deliveries",
    scope: "read",
    operationId: "listDeliveries",
    summary: "List deliveries; state=dead lists the dead letters",
    query: {
      state: s.describe(
        s.oneOf("pending", "attempted", "dead"),
        "pending: waiting or in progress; attempted: attempted at least once, in any state (the " +
          "default); dead: given up",
        "dead",
      ),
      target: s.describe(s.targetName, "The name of the webhook or durable hook", "audit"),
      since: s.describe(s.time, "Events created at or after this time", s.EXAMPLE_TIME),
      until: s.describe(s.time, "Events created before this time", s.EXAMPLE_TIME),
      order: s.describe(
        s.oneOf("newest", "oldest"),
        "newest: of each target the newest event first. Defaults to oldest",
        "newest",
      ),
      include: s.describe(
        s.oneOf("event"),
        "event: adds the type and the session of each event that is still stored",
        "event",
      ),
      ...pageQuery,
    },
    needsOutbox: true,
    response: pageOf("deliveries", summary, { ...example, last_attempt: exampleAttempt }),
    async handle(c, { query: { state = "attempted", include, ...query }, outbox }) {
      const filter = { state, ...withTimes(query) };
      const page = await withCursor(query.cursor, () => outbox.listDeliveries(filter));
      const events = include && await readEvents(outbox, page.items);
      const items = page.items.map((item) => {
        return s.toJson(summary, { ...item, ...events?.get(item.eventId) });
      });
      return respondPage(c, "deliveries", page, items);
    },
  }),
  defineRoute({
    method: "GET",
    path: "/deliveries/:target/:id",
    scope: "read",
    operationId: "getDelivery",
    summary: "Get a delivery with its attempts",
    params: { target: s.targetInPath, id: s.eventIdInPath },
    needsOutbox: true,
    response: {
      description: "The delivery",
      schema: delivery,
      example: { ...example, attempts: [exampleAttempt] },
    },
    problems: ["delivery_not_found"],
    async handle(c, { params: { target, id }, outbox }) {
      const stored = found(await outbox.get(target, id), "delivery_not_found");
      return respondJson(c, 200, s.toJson(delivery, stored));
    },
  }),
  defineRoute({
    method: "POST",
    path: "/deliveries/:target/:id/retry",
    scope: "admin",
    operationId: "retryDelivery",
    summary: "Retry a pending, dead or delivered delivery now",
    params: { target: s.targetInPath, id: s.eventIdInPath },
    needsOutbox: true,
    response: {
      status: 202,
      description: "moved: it was pending, and is due now; queued: it waits for another " +
        "delivery of its session; replayed: it was settled, and is delivered again",
      schema: s.object({ outcome: s.oneOf("moved", "queued", "replayed") }),
      example: { outcome: "moved" },
    },
    problems: ["delivery_not_found", "delivery_in_progress", "event_gone"],
    async handle(c, { params: { target, id }, outbox }) {
      const outcome = await outbox.retry(target, id);
      if (outcome === "leased") throw new Problem("delivery_in_progress");
      if (outcome === "gone") throw new Problem("event_gone");
      if (outcome === "unknown") throw new Problem("delivery_not_found");
      return respondJson(c, 202, { outcome });
    },
  }),
  defineRoute({
    method: "POST",
    path: "/deliveries/replay",
    scope: "admin",
    operationId: "replayDeliveries",
    summary: "Replay dead or delivered deliveries",
    description: "As many as fit budget_ms: to continue, send next_cursor in the next request.",
    body: {
      schema: s.strictObject({
        target: v.optional(s.targetName),
        state: v.optional(s.oneOf("dead", "delivered")),
        type: v.optional(s.eventPattern),
        since: v.optional(s.time),
        until: v.optional(s.time),
        budget_ms: v.optional(budget),
        cursor: v.optional(s.cursor),
      }),
      example: { target: "audit", state: "dead", budget_ms: 5000 },
    },
    needsOutbox: true,
    response: {
      description: "How many were replayed",
      schema: s.object({
        replayed: s.count,
        refused: s.count,
        next_cursor: v.optional(s.cursor),
      }),
      example: { replayed: 3, refused: 0 },
    },
    async handle(c, { body, outbox }) {
      const { budget_ms: timeout = REPLAY_TIMEOUT, ...filter } = body;
      const { replayed, refused, cursor } = await withCursor(
        filter.cursor,
        () => outbox.replay({ ...withTimes(filter), timeout }),
        "/cursor",
      );
      const next = cursor === undefined ? {} : { next_cursor: cursor };
      return respondJson(c, 200, { replayed, refused, ...next });
    },
  }),
  defineRoute({
    method: "POST",
    path: "/outbox/drain",
    scope: "admin",
    operationId: "drainOutbox",
    summary: "Deliver what is due, for an external scheduler",
    description:
      "Takes at most budget_ms, which defaults to 50000. Skips targets whose timeout exceeds what is " +
      "left of it: 10 s for webhooks and 30 s for durable hooks, unless configured otherwise. Let the " +
      "scheduler wait for the response.",
    body: {
      schema: s.strictObject({ budget_ms: v.optional(budget, DRAIN_TIMEOUT) }),
      example: { budget_ms: DRAIN_TIMEOUT },
    },
    needsOutbox: true,
    response: {
      description: "What was done",
      schema: s.object({ settled: s.count, remaining: s.boolean }),
      example: { settled: 2, remaining: false },
    },
    async handle(c, { body, outbox }) {
      const { settled, remaining } = await outbox.drainOnce({ timeout: body.budget_ms });
      return respondJson(c, 200, { settled, remaining });
    },
  }),
];

/** Returns the type and the session of the events of deliveries, by id, of those that are still stored. */
export async function readEvents(
  outbox: Outbox,
  deliveries: readonly { readonly eventId: string }[],
): Promise<ReadonlyMap<string, { readonly type: string; readonly sessionId?: string }>> {
  const remaining = new Set(deliveries.map(({ eventId }) => eventId)).values();
  const found = new Map<string, { readonly type: string; readonly sessionId?: string }>();
  const read = async (): Promise<void> => {
    for (const id of remaining) {
      const stored = await outbox.getEvent(id);
      if (stored === undefined) continue;
      const { type, sessionId } = stored.event;
      found.set(id, { type, ...(sessionId && { sessionId }) });
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT_READS }, read));
  return found;
}
