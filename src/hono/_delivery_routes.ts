import { EXAMPLES } from "./_examples.ts";
import { getDelivery, listDeliveries } from "./_lists.ts";
import { drainOutbox, replayDeliveries, retryDelivery } from "./_operations.ts";
import { id, inPath, nextPage, page, store, target } from "./_params.ts";
import type { Route } from "./_route.ts";
import { oneOf } from "./_schemas.ts";
import * as answers from "./_schemas_operations.ts";

/** What the outbox does with events. */
export const deliveryRoutes: readonly Route[] = [{
  method: "GET",
  path: "/deliveries",
  scope: "read",
  operation: "listDeliveries",
  summary: "Lists deliveries; state=dead: the dead letters",
  query: {
    state: {
      description: "pending: waiting or under way; attempted: every one that was, the default; " +
        "dead: given up",
      schema: oneOf(["pending", "attempted", "dead"]),
      example: "dead",
    },
    target,
    order: {
      description: "newest: of each target the newest event first; oldest if it is not there",
      schema: oneOf(["newest", "oldest"]),
      example: "newest",
    },
    include: {
      description: "event: with the type and the session of each event that is still stored",
      schema: oneOf(["event"]),
      example: "event",
    },
    ...page,
  },
  answers: {
    200: {
      description: "A page; it may be empty though there are more",
      schema: answers.deliveries,
      example: EXAMPLES.deliveries,
      headers: nextPage,
    },
  },
  problems: store,
  handle: listDeliveries,
}, {
  method: "GET",
  path: "/deliveries/:target/:id",
  scope: "read",
  operation: "getDelivery",
  summary: "Gives one delivery, with the log of its attempts",
  pathParams: { target: inPath, id },
  answers: {
    200: { description: "The delivery", schema: answers.deliveryLog, example: EXAMPLES.delivery },
  },
  problems: ["delivery_not_found", ...store],
  handle: getDelivery,
}, {
  method: "POST",
  path: "/deliveries/:target/:id/retry",
  scope: "admin",
  operation: "retryDelivery",
  summary: "Delivers now what waits, is dead, or was delivered",
  pathParams: { target: inPath, id },
  answers: {
    202: {
      description:
        "moved: it was waiting, and is due now; queued: it waits behind another of its " +
        "session; replayed: it was settled, and is delivered again",
      schema: answers.retried,
      example: { outcome: "moved" },
    },
  },
  problems: ["delivery_not_found", "delivery_in_progress", "event_gone", ...store],
  handle: retryDelivery,
}, {
  method: "POST",
  path: "/deliveries/replay",
  scope: "admin",
  operation: "replayDeliveries",
  summary: "Delivers many again: dead ones, or delivered ones",
  description: "As many as the budget allows: next_cursor in the body of the next request goes on.",
  body: { "application/json": { schema: answers.replayBody, example: EXAMPLES.replay } },
  answers: {
    200: {
      description: "How many",
      schema: answers.replayed,
      example: { replayed: 3, refused: 0 },
    },
  },
  problems: store,
  handle: replayDeliveries,
}, {
  method: "POST",
  path: "/outbox/drain",
  scope: "admin",
  operation: "drainOutbox",
  summary: "Delivers what is due: for a scheduler outside",
  description:
    "Takes at most budget_ms, 50000 if it is not there. A target whose timeout is longer " +
    "than what is left of that gets nothing: webhooks have 10 s, durable hooks 30 s, unless they " +
    "say otherwise. Have the scheduler wait for the answer.",
  body: { "application/json": { schema: answers.drainBody, example: { budget_ms: 50_000 } } },
  answers: {
    200: {
      description: "What was done",
      schema: answers.drained,
      example: { settled: 2, remaining: false },
    },
  },
  problems: store,
  handle: drainOutbox,
}];
