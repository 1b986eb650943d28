import { EXAMPLES } from "./_examples.ts";
import { inPath, store } from "./_params.ts";
import type { Route } from "./_route.ts";
import * as answers from "./_schemas_operations.ts";
import { disableTarget, enableTarget, listTargets } from "./_targets.ts";

/** What the outbox does with webhooks and durable hooks. */
export const targetRoutes: readonly Route[] = [{
  method: "GET",
  path: "/targets",
  scope: "read",
  operation: "listTargets",
  summary: "Lists webhooks and durable hooks: whether each gets anything, and its figures",
  description: "Those that are registered, or were sent events that are still kept.",
  answers: {
    200: { description: "By name", schema: answers.targets, example: EXAMPLES.targets },
  },
  problems: store,
  handle: listTargets,
}, {
  method: "POST",
  path: "/targets/:target/enable",
  scope: "admin",
  operation: "enableTarget",
  summary: "Delivers to a target again: first what was held, in order",
  pathParams: { target: inPath },
  answers: {
    200: {
      description: "How it stands now",
      schema: answers.target,
      example: { target: "audit", state: "on", registered: true },
    },
  },
  problems: ["target_not_found", "target_removed", ...store],
  handle: enableTarget,
}, {
  method: "POST",
  path: "/targets/:target/disable",
  scope: "admin",
  operation: "disableTarget",
  summary: "Delivers nothing more to a target: what is accepted for it is held",
  description: "Of a target that is off by hand already, the reason stays as it was.",
  pathParams: { target: inPath },
  body: { "application/json": { schema: answers.disableBody, example: EXAMPLES.disable } },
  answers: {
    200: {
      description: "How it stands now",
      schema: answers.target,
      example: { target: "audit", state: "off", registered: true },
    },
  },
  problems: ["target_not_found", "target_removed", ...store],
  handle: disableTarget,
}];
