import { setTimer } from "../internal/async.ts";
import { parseTime } from "../core/event_rules.ts";
import { isStreamHook } from "./_feed.ts";
import type { Call } from "./_call.ts";
import { goOn } from "./_cursor.ts";
import { outboxOf } from "./_outbox.ts";
import { Problem, unavailable } from "./_problems.ts";
import { readJson } from "./_read_json.ts";
import { drainBody, replayBody } from "./_schemas_operations.ts";

/** How long a replay takes when nothing else was asked for, in milliseconds. */
const BUDGET = 10_000;
/** How long `ready` waits for the store, in milliseconds. */
const PATIENCE = 4_000;

/** Delivers one delivery now. */
export async function retryDelivery(call: Call): Promise<Response> {
  const outcome = await outboxOf(call).retry(call.param("target"), call.param("id"));
  if (outcome === "leased") throw new Problem("delivery_in_progress");
  if (outcome === "gone") throw new Problem("event_gone");
  if (outcome === "unknown") throw new Problem("delivery_not_found");
  return call.json(202, { outcome });
}

/** Delivers many again, within a budget. */
export async function replayDeliveries(call: Call): Promise<Response> {
  const outbox = outboxOf(call);
  const { since, until, budget_ms: timeout = BUDGET, ...body } = await readJson(call, replayBody);
  const times = { since: parseTime(since), until: parseTime(until) };
  const replay = () => outbox.replay({ ...body, ...times, timeout });
  const { replayed, refused, cursor } = await goOn(body.cursor, "/cursor", replay);
  return call.json(200, {
    replayed,
    refused,
    ...(cursor === undefined ? {} : { next_cursor: cursor }),
  });
}

/** Delivers what is due: for a scheduler where no process lives. */
export async function drainOutbox(call: Call): Promise<Response> {
  const outbox = outboxOf(call);
  const { budget_ms: timeout } = await readJson(call, drainBody);
  const { settled, remaining } = await outbox.drainOnce({ timeout });
  return call.json(200, { settled, remaining });
}

/** What is registered. */
export function listHooks(call: Call): Response {
  const hooks = call.state.registry.list().filter(({ name }) => !isStreamHook(name));
  return call.json(200, {
    hooks: hooks.map(({ name, kind, events, durable }) => ({ name, kind, events, durable })),
  });
}

/** That the process answers. */
export function health(call: Call): Response {
  return call.json(200, { status: "ok" });
}

/** That events are taken: hooks are open, and the store takes commits. */
export async function ready(call: Call): Promise<Response> {
  const { registry, outbox } = call.state;
  await registry.init();
  if (outbox) await inTime(outbox.checkStore());
  return call.json(200, { status: "ready" });
}

async function inTime(answer: Promise<unknown>): Promise<void> {
  let cancel = (): void => {};
  const late = new Promise<never>((_, reject) => {
    cancel = setTimer(PATIENCE, () => reject(new Error(`no answer within ${PATIENCE} ms`)));
  });
  try {
    await Promise.race([answer, late]);
  } catch (cause) {
    throw unavailable("outbox_unavailable", cause);
  } finally {
    cancel();
  }
}
