import type { PendingPublication, Publication, Receipt } from "../core/mod.ts";
import { CommitBuilder } from "./commit.ts";
import { findStored } from "./duplicates.ts";
import {
  type Prepared,
  putPublication,
  receiptOf,
  sessionNames,
  SessionTails,
} from "./put_publication.ts";
import { planBatch, type PrepareOptions, storeChunks } from "./prepare.ts";
import type { StoreClient } from "./store_client.ts";

/** Dependencies of `publishIn`. */
type PublishInOptions = {
  /** Inside the transaction. */
  readonly client: StoreClient;
  /** Outside of it. */
  readonly outside: StoreClient;
  readonly prepare: PrepareOptions;
  /** Deliveries were stored, which become due with the commit. */
  readonly expect: () => void;
  /** Deliveries that were stored at a time are committed, and due. */
  readonly committed: (at: number) => void;
};

/**
 * Stores a batch in a transaction of the caller. Deliveries get no lease, because it is unknown when the
 * caller commits. Any process delivers after that.
 */
export async function publishIn(
  batch: readonly Publication[],
  idempotencyKey: string | undefined,
  options: PublishInOptions,
): Promise<PendingPublication> {
  const plan = await planBatch(batch, { idempotencyKey }, options.prepare);
  await storeChunks(plan.stored, options.client);
  const at = options.client.clock.now();
  const done = await store(plan.stored, options.client);
  const isNew = ({ duplicate }: Receipt): boolean => !duplicate;
  const added = [...done.values()].find(isNew);
  if (added !== undefined) options.expect();
  return {
    receipts: plan.receipts(done),
    async committed() {
      if (added === undefined) return; // nothing was stored that could be rolled back
      await checkStored(added.id, options.outside);
      options.committed(at);
    },
  };
}

/** Stores events until no check fails. Resolves to their receipts. */
async function store(
  batch: readonly Prepared[],
  client: StoreClient,
): Promise<ReadonlyMap<Prepared, Receipt>> {
  const { clock, keys } = client;
  const unit = { batch, done: new Map<Prepared, Receipt>() };
  while (unit.batch.length > 0) {
    const sessions = sessionNames(unit.batch);
    const entries = await client.get(sessions.map((name) => keys.session(...name)));
    const tails = new SessionTails(sessions, client, entries);
    const builder = new CommitBuilder();
    const lease = (): undefined => undefined;
    putPublication(builder, unit.batch, { at: clock.now(), tails, lease, layout: client });
    if (unit.batch.some(({ to }) => to.length > 0)) client.store.wake?.signal();
    const { ok } = await client.commit(builder.commit, Infinity);
    if (ok === true) break;
    await findStored(client, [unit], Infinity); // takes duplicates out; the sessions are read again
  }
  for (const one of unit.batch) {
    unit.done.set(one, { ...receiptOf(one), deliveries: one.to.length });
  }
  return unit.done;
}

/** Checks that an event is stored. @throws {Error} */
async function checkStored(id: string, client: StoreClient): Promise<void> {
  const [entry] = await client.get([client.keys.event(id)]);
  if (entry!.versionstamp !== null) return;
  throw new Error(
    `Cannot call handlers: event ${id} isn't stored. Its transaction was rolled back, or isn't ` +
      "committed yet: call 'committed()' after the commit",
  );
}
