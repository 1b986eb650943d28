import type { Store } from "@omniagent/hooks/store";
import { createEventId } from "../../../src/internal/uuid.ts";
import { commitChange } from "../../../src/outbox/_commit.ts";
import { Draft, putDue, putHead } from "../../../src/outbox/_draft.ts";
import { platform } from "../../../src/outbox/_env.ts";
import { Keys } from "../../../src/outbox/_keys.ts";
import { UNLEASED } from "../../../src/outbox/_records.ts";

/** Events of one commit. */
const BATCH = 100;
const DAY = 24 * 60 * 60 * 1000;
const RETENTION = { head: 30 * DAY, rest: 31 * DAY, seen: 2 * DAY };
const keys = new Keys("hooks");

/** The target for which everything waits. */
export const TARGET = "bench";

/** Adds deliveries that are due, as the outbox writes them, without waiting for an outbox to do so. */
export async function fill(store: Store, count: number): Promise<void> {
  for (let left = count; left > 0; left -= BATCH) await add(store, Math.min(left, BATCH));
}

async function add(store: Store, count: number): Promise<void> {
  const at = Date.now();
  const draft = new Draft();
  for (let n = 0; n < count; n++) {
    const id = createEventId();
    const wire = { id, type: "bench.tick", timestamp: new Date(at).toISOString(), data: {} };
    if (n === 0) draft.checks.push({ key: keys.event(id), versionstamp: null });
    putHead(draft, { id, wire, to: [TARGET] }, at, keys, RETENTION);
    putDue(draft, keys.due(TARGET, at, id), UNLEASED, RETENTION);
  }
  const { ok } = await commitChange(store, draft.change, platform, 30_000);
  if (ok !== true) throw new Error(`Cannot fill the store: a commit ended with ${ok}`);
}
