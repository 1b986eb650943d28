import {
  type Receipt,
  RecordConflictError,
  type RecordWrite,
  toWire,
  type WireEvent,
} from "../core/mod.ts";
import { canonicalJson } from "../internal/json_text.ts";
import type { StoreEntry, StoreKey } from "../store/mod.ts";
import { contentOf, type Prepared } from "./enqueue.ts";
import { IdempotencyConflictError } from "./errors.ts";
import type { EventRecord, IdempotencyRecord } from "./records.ts";
import type { StoreClient } from "./store_client.ts";

/** A batch: what is still to be stored, and the receipts of what is. */
type Batch = { batch: readonly Prepared[]; readonly done: Map<Prepared, Receipt> };

/**
 * Returns which publications of a batch repeat an earlier one: under the same key, or of the same event.
 *
 * @throws {IdempotencyConflictError} when a key or an id is that of two different events
 */
export function findRepeats(batch: readonly Prepared[]): ReadonlyMap<Prepared, Prepared> {
  const originals = new Map<string, Prepared>();
  const repeats = new Map<Prepared, Prepared>();
  for (const prepared of batch) {
    const { key, event, wire, hash } = prepared;
    const name = key === undefined ? `id ${event.id}` : `key ${key}`;
    const original = originals.get(name);
    if (original === undefined) {
      originals.set(name, prepared);
      continue;
    }
    const isRepeat = key === undefined ? isSame(original.wire, wire) : original.hash === hash;
    if (!isRepeat) throw new IdempotencyConflictError(key === undefined ? "event id" : undefined);
    repeats.set(prepared, original);
  }
  return repeats;
}

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
  const options = () => ({ timeout: deadline - clock.now(), stored: "unknown" as const });
  const read = async (key: StoreKey): Promise<StoreEntry> =>
    (await client.get([key], options()))[0]!;
  const first = units[0]!.batch[0]!;
  const record = await read(keys.event(first.event.id));
  const token = (record.value as Partial<EventRecord> | null)?.token;
  if (record.versionstamp !== null && token === first.token) return record.versionstamp;
  const isStored = async (prepared: Prepared): Promise<boolean> => {
    if (prepared !== first && prepared.token === undefined) return false; // its id is new
    const { id } = prepared.event;
    const { value, versionstamp } = prepared === first ? record : await read(keys.event(id));
    if (versionstamp === null) return false;
    if (prepared.token === undefined) return true;
    const stored = await client.readEvent(id, value as EventRecord | null, options());
    if (typeof stored === "object" && !isSame(toWire(stored), prepared.wire)) {
      throw new IdempotencyConflictError("event id");
    }
    return true;
  };
  const isChanged = async ({ key, versionstamp }: RecordWrite): Promise<boolean> =>
    versionstamp !== undefined && (await read(keys.record(...key))).versionstamp !== versionstamp;
  for (const unit of units) {
    const rest: Prepared[] = [];
    for (const prepared of unit.batch) {
      if (unit.done.has(prepared)) continue; // with the first of its batch
      for (const record of prepared.records ?? []) {
        if (await isChanged(record)) throw new RecordConflictError(record.key);
      }
      const { key, hash } = prepared;
      const used = key === undefined ? null : (await read(keys.idempotency(key))).value;
      if (used !== null) setDuplicates(unit, prepared, used as IdempotencyRecord, hash);
      else if (await isStored(prepared)) {
        unit.done.set(prepared, { ...receiptOf(prepared), duplicate: true });
      } else rest.push(prepared);
    }
    unit.batch = rest;
  }
  return null;
}

/** What was published under a key is a duplicate of what the key was used for. */
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

/** Returns the receipt of an event for which nothing is stored. */
export function receiptOf({ event: { id } }: Prepared): Receipt {
  return { id, deliveries: 0, duplicate: false, handlers: [] };
}

/** Returns whether two events under one id are the same, whatever the order of their keys. */
function isSame(a: WireEvent, b: WireEvent): boolean {
  return canonicalJson(contentOf(a)) === canonicalJson(contentOf(b));
}
