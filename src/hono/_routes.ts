import { deliveryRoutes } from "./_delivery_routes.ts";
import { eventRoutes } from "./_event_routes.ts";
import { EXAMPLES } from "./_examples.ts";
import { openapi } from "./_openapi.ts";
import { health, listHooks, ready } from "./_operations.ts";
import type { Route } from "./_route.ts";
import { object, string } from "./_schemas.ts";
import * as answers from "./_schemas_operations.ts";
import { targetRoutes } from "./_target_routes.ts";

const serviceRoutes: readonly Route[] = [{
  method: "GET",
  path: "/hooks",
  scope: "read",
  operation: "listHooks",
  summary: "Lists what is registered",
  answers: {
    200: { description: "In its order", schema: answers.hooks, example: EXAMPLES.hooks },
  },
  handle: listHooks,
}, {
  method: "GET",
  path: "/health",
  scope: undefined,
  operation: "health",
  summary: "Tells that the process answers",
  answers: { 200: { description: "It does", schema: answers.healthy, example: { status: "ok" } } },
  handle: health,
}, {
  method: "GET",
  path: "/ready",
  scope: undefined,
  operation: "ready",
  summary: "Tells that events are taken: hooks are open, and the store answers",
  answers: {
    200: { description: "They are", schema: answers.readied, example: { status: "ready" } },
  },
  problems: ["hooks_closed", "hooks_not_ready", "outbox_unavailable"],
  handle: ready,
}, {
  method: "GET",
  path: "/openapi.json",
  scope: undefined,
  operation: "openapi",
  summary: "Gives this document",
  answers: { 200: { description: "OpenAPI 3.1", schema: object({ openapi: string }) } },
  handle: (call) => openapi(call, routes),
}];

/** Everything that there is: of this the routes are made, the contract, and the test of scopes. */
export const routes: readonly Route[] = [
  ...eventRoutes,
  ...deliveryRoutes,
  ...targetRoutes,
  ...serviceRoutes,
];
