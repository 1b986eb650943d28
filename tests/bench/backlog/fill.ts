import type { Store } from "@omniagent/hooks/store";
import { createEventId } from "../../../src/internal/uuid.ts";
import { systemClock } from "../../../src/internal/clock.ts";
import { CommitBuilder } from "../../../src/outbox/commit.ts";
import { putDue, putEvent } from "../../../src/outbox/put_publication.ts";
import { Keys, UNLEASED } from "../../../src/outbox/records.ts";
import { StoreClient } from "../../../src/outbox/store_client.ts";

/** Events of one commit: two changes each, of the 1,000 that every store takes. */
const BATCH = 400;
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
  const client = new StoreClient(store, keys, systemClock, RETENTION);
  const builder = new CommitBuilder();
  for (let n = 0; n < count; n++) {
    const id = createEventId();
    const wire = { id, type: "bench.tick", timestamp: new Date(at).toISOString(), data: {} };
    if (n === 0) builder.check(keys.event(id), null);
    putEvent(builder, { id, wire, to: [TARGET] }, at, client);
    putDue(builder, { target: TARGET, at, id }, UNLEASED, client);
  }
  const { ok } = await client.commit(builder.commit, 30_000);
  if (ok !== true) throw new Error(`Cannot fill the store: a commit ended with ${ok}`);
}
