import type { Outbox } from "../outbox/mod.ts";
import type { Call } from "./_call.ts";
import { outboxOf } from "./_outbox.ts";
import { Problem } from "./_problems.ts";
import { readJson } from "./_read_json.ts";
import { disableBody } from "./_schemas_operations.ts";
import { wireFigures } from "./_wire.ts";

/** Every target, with its figures. */
export async function listTargets(call: Call): Promise<Response> {
  const figures = await outboxOf(call).stats();
  return call.json(200, { targets: figures.map(wireFigures) });
}

/** Delivers to a target again. */
export function enableTarget(call: Call): Promise<Response> {
  return change(call, outboxOf(call), (outbox, target) => outbox.enable(target));
}

/** Delivers nothing more to a target. */
export async function disableTarget(call: Call): Promise<Response> {
  const outbox = outboxOf(call);
  const { reason } = await readJson(call, disableBody);
  return await change(call, outbox, (outbox, target) => outbox.disable(target, reason));
}

/** Changes a target, and tells how it stands then. */
async function change(
  call: Call,
  outbox: Outbox,
  action: (outbox: Outbox, target: string) => Promise<void>,
): Promise<Response> {
  const name = call.param("target");
  try {
    await action(outbox, name);
  } catch (error) {
    // Asked afterwards, not before: a target may be removed between a look and the action.
    if (error instanceof TypeError) await checkTarget(outbox, name);
    throw error;
  }
  const { target, state, registered } = await outbox.endpoint(name);
  return call.json(200, { target, state, registered });
}

/** @throws {Problem} when a name is that of no target, or of one that was removed */
async function checkTarget(outbox: Outbox, name: string): Promise<void> {
  const { state, registered } = await outbox.endpoint(name);
  if (state === "deleted") throw new Problem("target_removed");
  if (registered || state !== "on") return;
  const known = await outbox.stats();
  if (!known.some(({ target }) => target === name)) throw new Problem("target_not_found");
}
