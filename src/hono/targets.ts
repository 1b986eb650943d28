import * as v from "valibot";
import type { Outbox } from "../outbox/mod.ts";
import { type AppContext, respondJson } from "./context.ts";
import { Problem } from "./problems.ts";
import { defineRoute, type Route } from "./router.ts";
import * as s from "./schemas.ts";

const state = {
  target: s.targetName,
  state: s.oneOf("on", "paused", "off", "deleted"),
  registered: s.boolean,
};
const targetState = s.object(state);
const targetStats = s.object({
  ...state,
  failures: s.count,
  failing_since: v.optional(s.time),
  paused_until: v.optional(s.time),
  reason: v.optional(s.string),
  accepted: s.count,
  delivered: s.count,
  dead: s.count,
  expired: s.count,
  pending: s.count,
  failed: s.count,
  oldest_due: v.optional(s.time),
  in_flight: s.count,
  leased: s.count,
  leased_until: v.optional(s.time),
});

/** The state of a target in JSON. */
export type TargetStateJson = v.InferOutput<typeof targetState>;

/** A target with its stats in JSON. */
export type TargetStatsJson = v.InferOutput<typeof targetStats>;

const example: TargetStatsJson = {
  target: "audit",
  state: "off",
  registered: true,
  failures: 0,
  reason: "the receiver responded 410",
  accepted: 42,
  delivered: 39,
  dead: 1,
  expired: 0,
  pending: 2,
  failed: 5,
  oldest_due: s.EXAMPLE_TIME,
  in_flight: 0,
  leased: 0,
};

/** The routes of targets: webhooks and durable hooks. */
export const targetRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/targets",
    scope: "read",
    operationId: "listTargets",
    summary: "List webhooks and durable hooks, with their state and stats",
    description: "Those that are registered, or have deliveries that are still stored.",
    needsOutbox: true,
    response: {
      description: "The targets, by name",
      schema: s.object({ targets: s.list(targetStats) }),
      example: { targets: [example] },
    },
    async handle(c, { outbox }) {
      const stats = await outbox.stats();
      return respondJson(c, 200, { targets: stats.map((one) => s.toJson(targetStats, one)) });
    },
  }),
  defineRoute({
    method: "POST",
    path: "/targets/:target/enable",
    scope: "admin",
    operationId: "enableTarget",
    summary: "Enable a target: held deliveries go first, in order",
    params: { target: s.targetInPath },
    needsOutbox: true,
    response: {
      description: "The state of the target",
      schema: targetState,
      example: { target: "audit", state: "on", registered: true },
    },
    problems: ["target_not_found", "target_removed"],
    handle: (c, { params: { target }, outbox }) =>
      changeTarget(c, outbox, target, () => outbox.enable(target)),
  }),
  defineRoute({
    method: "POST",
    path: "/targets/:target/disable",
    scope: "admin",
    operationId: "disableTarget",
    summary: "Disable a target: its deliveries are held",
    description: "The reason of a target that was already disabled by hand stays as it is.",
    params: { target: s.targetInPath },
    body: {
      schema: s.strictObject({ reason: v.optional(s.reason) }),
      example: { reason: "it is being moved" },
    },
    needsOutbox: true,
    response: {
      description: "The state of the target",
      schema: targetState,
      example: { target: "audit", state: "off", registered: true },
    },
    problems: ["target_not_found", "target_removed"],
    handle: (c, { params: { target }, body, outbox }) =>
      changeTarget(c, outbox, target, () => outbox.disable(target, body.reason)),
  }),
];

/** Changes a target and responds with its new state. */
async function changeTarget(
  c: AppContext,
  outbox: Outbox,
  name: string,
  change: () => Promise<void>,
): Promise<Response> {
  try {
    await change();
  } catch (error) {
    // Checked afterwards: a target may be removed between a check and the change.
    if (error instanceof TypeError) await checkTarget(outbox, name);
    throw error;
  }
  return respondJson(c, 200, s.toJson(targetState, await outbox.endpoint(name)));
}

/** Checks that a target exists. @throws {Problem} when it doesn't, or was removed */
async function checkTarget(outbox: Outbox, name: string): Promise<void> {
  const { state, registered } = await outbox.endpoint(name);
  if (state === "deleted") throw new Problem("target_removed");
  if (registered || state !== "on") return;
  const known = await outbox.stats();
  if (!known.some(({ target }) => target === name)) throw new Problem("target_not_found");
}
