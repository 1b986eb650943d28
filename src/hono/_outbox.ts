import type { Outbox } from "../outbox/mod.ts";
import type { Call } from "./_call.ts";
import { Problem } from "./_problems.ts";

/** The outbox. @throws {Problem} where there is none */
export function outboxOf(call: Call): Outbox {
  const { outbox } = call.state;
  if (outbox === undefined) throw new Problem("outbox_required");
  return outbox;
}
