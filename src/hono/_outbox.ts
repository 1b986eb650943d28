import type { Outbox as Heart, OutboxOperations } from "../outbox/mod.ts";
import type { Call } from "./_call.ts";
import { Problem } from "./_problems.ts";

/** An outbox with all its operations. */
export type Outbox = Omit<Heart, keyof OutboxOperations> & OutboxOperations;

/** The outbox. @throws {Problem} where there is none */
export function outboxOf(call: Call): Outbox {
  const { outbox } = call.state;
  if (outbox === undefined) throw new Problem("outbox_required");
  return outbox;
}
