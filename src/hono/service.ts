import { deadline } from "../internal/async.ts";
import type { Outbox } from "../outbox/mod.ts";
import { respondJson } from "./context.ts";
import { isStoreHook } from "../webhook_store/store_hook.ts";
import { isStreamHook } from "./stream/live.ts";
import { Problem } from "./problems.ts";
import { defineRoute, type Route } from "./router.ts";
import * as s from "./schemas.ts";

/** How long `/ready` waits for the store, in milliseconds: shorter than the 5 s of common probes. */
const READY_TIMEOUT = 4_000;

/** The routes about the process itself. */
export const serviceRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/hooks",
    scope: "read",
    operationId: "listHooks",
    summary: "List registered handlers, hooks and webhooks",
    response: {
      description: "In the order in which they are called",
      schema: s.object({
        hooks: s.list(s.object({
          name: s.string,
          kind: s.oneOf("handler", "hook", "webhook"),
          events: s.list(s.eventPattern),
          durable: s.boolean,
        })),
      }),
      example: { hooks: [{ name: "audit", kind: "webhook", events: ["tool.*"], durable: true }] },
    },
    handle(c) {
      const { registry } = c.get("hooksRequest").app;
      const registered = registry.list().filter(({ name }) =>
        !isStreamHook(name) && !isStoreHook(name)
      );
      const hooks = registered.map(({ name, kind, events, durable }) => {
        return { name, kind, events, durable };
      });
      return respondJson(c, 200, { hooks });
    },
  }),
  defineRoute({
    method: "GET",
    path: "/health",
    operationId: "health",
    summary: "Check that the process responds",
    response: {
      description: "It does",
      schema: s.object({ status: s.oneOf("ok") }),
      example: { status: "ok" },
    },
    handle: (c) => respondJson(c, 200, { status: "ok" }),
  }),
  defineRoute({
    method: "GET",
    path: "/ready",
    operationId: "ready",
    summary: "Check that events are accepted: hooks are initialized, and the store accepts commits",
    response: {
      description: "They are",
      schema: s.object({ status: s.oneOf("ready") }),
      example: { status: "ready" },
    },
    problems: ["hooks_closed", "hooks_not_ready", "outbox_unavailable"],
    async handle(c) {
      const { registry, outbox } = c.get("hooksRequest").app;
      await registry.init();
      if (outbox) await checkStore(outbox);
      return respondJson(c, 200, { status: "ready" });
    },
  }),
];

async function checkStore(outbox: Outbox): Promise<void> {
  const error = () => new Error(`The store did not respond within ${READY_TIMEOUT} ms`);
  try {
    await deadline(outbox.checkStore(), READY_TIMEOUT, { error });
  } catch (cause) {
    throw Problem.unavailable("outbox_unavailable", cause);
  }
}
