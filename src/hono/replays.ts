import * as v from "valibot";
import { ReplayLimitError } from "../outbox/errors.ts";
import { MAX_REPLAY_PAGE_SIZE, REPLAY_PAGE_SIZE } from "../outbox/limits.ts";
import type { BackgroundReplay } from "../outbox/mod.ts";
import { respondJson } from "./context.ts";
import { withTimes } from "./pages.ts";
import { found, Problem } from "./problems.ts";
import { defineRoute, type Route } from "./router.ts";
import * as s from "./schemas.ts";

const filter = {
  target: v.optional(s.targetName),
  state: v.optional(s.oneOf("dead", "delivered")),
  type: v.optional(s.eventPattern),
  since: v.optional(s.time),
  until: v.optional(s.time),
};
const replay = s.object({
  id: s.eventId,
  status: s.oneOf("running", "done", "canceled"),
  ...filter,
  state: s.oneOf("dead", "delivered"),
  total: v.optional(s.count),
  seen: s.count,
  replayed: s.count,
  refused: s.count,
  started_at: s.time,
  ended_at: v.optional(s.time),
});

/** A replay in the background in JSON. */
type ReplayJson = v.InferOutput<typeof replay>;

function toReplayJson(started: BackgroundReplay): ReplayJson {
  return s.toJson(replay, { ...started, ...started.filter });
}

const example: ReplayJson = {
  id: s.EXAMPLE_ID,
  status: "running",
  state: "dead",
  target: "audit",
  total: 12_000,
  seen: 3_400,
  replayed: 3_398,
  refused: 2,
  started_at: s.EXAMPLE_TIME,
};

const replayInPath = s.describe(s.eventId, "The id of the replay", s.EXAMPLE_ID);

/** The routes of replays in the background. */
export const replayRoutes: readonly Route[] = [
  defineRoute({
    method: "POST",
    path: "/replays",
    scope: "admin",
    operationId: "startReplay",
    summary: "Replay deliveries in the background",
    description: "For more than one request can handle. Progress is kept for a week.",
    body: { schema: s.strictObject(filter), example: { target: "audit", state: "dead" } },
    needsOutbox: true,
    response: {
      status: 202,
      description: "It runs",
      schema: replay,
      example: { ...example, seen: 0, replayed: 0, refused: 0, total: undefined },
    },
    problems: ["too_many_replays"],
    async handle(c, { body, outbox }) {
      try {
        const started = await outbox.replays.start(withTimes(body));
        return respondJson(c, 202, toReplayJson(started));
      } catch (error) {
        if (error instanceof ReplayLimitError) throw Problem.tooMany("too_many_replays");
        throw error;
      }
    },
  }),
  defineRoute({
    method: "GET",
    path: "/replays",
    scope: "read",
    operationId: "listReplays",
    summary: "List replays in the background, newest first",
    query: {
      limit: s.describe(
        s.integer(1, MAX_REPLAY_PAGE_SIZE),
        `Maximum number of replays. Defaults to ${REPLAY_PAGE_SIZE}`,
        REPLAY_PAGE_SIZE,
      ),
    },
    needsOutbox: true,
    response: {
      description: "Those of the last week",
      schema: s.object({ replays: s.list(replay) }),
      example: { replays: [example] },
    },
    async handle(c, { query, outbox }) {
      const replays = await outbox.replays.list(query);
      return respondJson(c, 200, { replays: replays.map(toReplayJson) });
    },
  }),
  defineRoute({
    method: "GET",
    path: "/replays/:id",
    scope: "read",
    operationId: "getReplay",
    summary: "Get the progress of a replay",
    params: { id: replayInPath },
    needsOutbox: true,
    response: { description: "The replay", schema: replay, example },
    problems: ["replay_not_found"],
    async handle(c, { params: { id }, outbox }) {
      const replay = found(await outbox.replays.get(id), "replay_not_found");
      return respondJson(c, 200, toReplayJson(replay));
    },
  }),
  defineRoute({
    method: "POST",
    path: "/replays/:id/cancel",
    scope: "admin",
    operationId: "cancelReplay",
    summary: "Cancel a replay; deliveries already replayed still go out",
    params: { id: replayInPath },
    needsOutbox: true,
    response: {
      description: "The replay as it is now",
      schema: replay,
      example: { ...example, status: "canceled", ended_at: s.EXAMPLE_TIME },
    },
    problems: ["replay_not_found"],
    async handle(c, { params: { id }, outbox }) {
      const replay = found(await outbox.replays.cancel(id), "replay_not_found");
      return respondJson(c, 200, toReplayJson(replay));
    },
  }),
];
