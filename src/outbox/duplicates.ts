import { type Receipt, RecordConflictError, type RecordWrite, toWire } from "../core/mod.ts";
import type { StoreEntry, StoreKey } from "../store/mod.ts";
import { isSame, type Prepared, receiptOf } from "./put_publication.ts";
import { IdempotencyConflictError } from "./errors.ts";
import type { EventRecord, IdempotencyRecord } from "./records.ts";
import type { ReadOptions, StoreClient } from "./store_client.ts";

/** A batch: the events still to be stored, and the receipts of stored ones. */
type Batch = { batch: readonly Prepared[]; readonly done: Map<Prepared, Receipt> };

/** Reads what is stored now, in the time that is left. */
type Lookup = {
  readonly client: StoreClient;
  readonly options: () => ReadOptions;
  readonly read: (key: StoreKey) => Promise<StoreEntry>;
  /** Event records that were read already. */
  readonly known: ReadonlyMap<Prepared, StoreEntry>;
};

/**
 * Reads why a check failed. Returns the versionstamp of the commit if it had been applied. If not, removes
 * duplicates from the batches.
 *
 * @throws {IdempotencyConflictError} when a key or an id was used for something else
 * @throws {RecordConflictError} when a record was changed
 */
export async function findStored(
  client: StoreClient,
  units: readonly Batch[],
  timeout: number,
): Promise<string | null> {
  const { keys, clock } = client;
  const deadline = clock.now() + timeout;
  const options = (): ReadOptions => ({ timeout: deadline - clock.now(), stored: "unknown" });
  const read = async (key: StoreKey): Promise<StoreEntry> =>
    (await client.get([key], options()))[0]!;
  const first = units[0]!.batch[0]!;
  const entry = await read(keys.event(first.event.id));
  const token = (entry.value as Partial<EventRecord> | null)?.token;
  if (entry.versionstamp !== null && token === first.token) return entry.versionstamp;
  // The first is not read again: that could find this very commit, applied late.
  const lookup: Lookup = { client, options, read, known: new Map([[first, entry]]) };
  for (const unit of units) {
    const rest: Prepared[] = [];
    for (const prepared of unit.batch) {
      if (unit.done.has(prepared)) continue; // with the first of its batch
      if (!await isDuplicate(lookup, unit, prepared)) rest.push(prepared);
    }
    unit.batch = rest;
  }
  return null;
}

/** Returns whether a publication is stored, and notes its receipt if it is. */
async function isDuplicate(lookup: Lookup, unit: Batch, prepared: Prepared): Promise<boolean> {
  const { client: { keys }, read } = lookup;
  const { key, hash, records = [] } = prepared;
  for (const record of records) await checkRecord(lookup, record);
  const used = key === undefined ? null : (await read(keys.idempotency(key))).value;
  if (used !== null) {
    setDuplicates(unit, prepared, used as IdempotencyRecord, hash);
    return true;
  }
  if (!await isStored(lookup, prepared)) return false;
  unit.done.set(prepared, { ...receiptOf(prepared), duplicate: true });
  return true;
}

async function checkRecord(
  { client: { keys }, read }: Lookup,
  { key, versionstamp }: RecordWrite,
): Promise<void> {
  if (versionstamp === undefined) return;
  const entry = await read(keys.record(...key));
  if (entry.versionstamp !== versionstamp) throw new RecordConflictError(key);
}

async function isStored(
  { client, options, read, known }: Lookup,
  prepared: Prepared,
): Promise<boolean> {
  const { token, event: { id } } = prepared;
  if (token === undefined && !known.has(prepared)) return false; // its id is new
  const entry = known.get(prepared) ?? await read(client.keys.event(id));
  return entry.versionstamp !== null && await isSameEvent(client, prepared, entry, options());
}

/** Returns true if a publication is of the event that is stored. @throws {IdempotencyConflictError} if not */
async function isSameEvent(
  client: StoreClient,
  { event: { id }, token, wire }: Prepared,
  { value }: StoreEntry,
  options: ReadOptions,
): Promise<boolean> {
  if (token === undefined) return true;
  const stored = await client.readEvent(id, value as EventRecord | null, options);
  if (typeof stored === "string" || isSame(toWire(stored), wire)) return true;
  throw new IdempotencyConflictError("event id");
}

/** Marks publications under a known key as duplicates. */
function setDuplicates(
  { done }: Batch,
  prepared: Prepared,
  used: IdempotencyRecord,
  hash: string,
): void {
  if (used.hash !== hash) throw new IdempotencyConflictError();
  const { id, others = [] } = used;
  done.set(prepared, { ...receiptOf(prepared), id, duplicate: true });
  for (const [index, other] of (prepared.others ?? []).entries()) {
    done.set(other, { ...receiptOf(other), id: others[index]!, duplicate: true });
  }
}
