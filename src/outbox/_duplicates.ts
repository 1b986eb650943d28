import { type Receipt, toWire } from "../core/mod.ts";
import type { Store, StoreEntry, StoreKey } from "../store/mod.ts";
import { readKeys } from "./_commit.ts";
import type { Env } from "./_env.ts";
import type { Keys } from "./_keys.ts";
import { isSame, type Prepared } from "./_prepare.ts";
import { readEvent } from "./_reader.ts";
import type { EventHead, Seen } from "./_records.ts";
import type { Unit } from "./_units.ts";
import { IdempotencyConflictError } from "./errors.ts";

/** What is looked at after a publish was refused. */
export type DuplicatesOptions = {
  readonly store: Store;
  readonly keys: Keys;
  readonly env: Env;
};

/**
 * After a check failed: the versionstamp of the commit if it was applied. If not, what is a duplicate is
 * taken out of the batches.
 *
 * @throws {IdempotencyConflictError} when a key or an id was used for something else
 */
export async function findStored(
  units: readonly Unit[],
  { store, keys, env }: DuplicatesOptions,
  patience: number,
): Promise<string | null> {
  const deadline = env.now() + patience;
  const read = async (key: StoreKey): Promise<StoreEntry> =>
    (await readKeys(store, [key], env, deadline - env.now()))[0]!;
  const first = units[0]!.batch[0]!;
  const head = await read(keys.event(first.event.id));
  if (isOurs(head, first)) return head.versionstamp;
  const isStored = async (prepared: Prepared): Promise<boolean> => {
    if (prepared !== first && prepared.token === undefined) return false; // its id is new
    const { id } = prepared.event;
    const { value, versionstamp } = prepared === first ? head : await read(keys.event(id));
    if (versionstamp === null) return false;
    if (prepared.token === undefined) return true;
    const stored = await readEvent(store, keys, id, value as EventHead | null, env);
    if (typeof stored === "object" && !isSame(toWire(stored), prepared.wire)) {
      throw new IdempotencyConflictError("event id");
    }
    return true;
  };
  for (const unit of units) {
    const rest: Prepared[] = [];
    for (const prepared of unit.batch) {
      if (unit.done.has(prepared)) continue; // with the first of its batch
      const { key, hash } = prepared;
      const seen = key === undefined ? null : (await read(keys.seen(key))).value as Seen | null;
      if (seen !== null && seen.hash !== hash) throw new IdempotencyConflictError();
      if (seen !== null) setDuplicates(unit.done, prepared, seen);
      else if (await isStored(prepared)) {
        unit.done.set(prepared, { ...receiptOf(prepared), duplicate: true });
      } else rest.push(prepared);
    }
    unit.batch = rest;
  }
  return null;
}

/** What a publication is told when nothing is stored for it. */
export function receiptOf({ event: { id } }: Prepared): Receipt {
  return { id, deliveries: 0, duplicate: false, handlers: [] };
}

/** Whether a head is the one that was to be written for an event. */
function isOurs({ value, versionstamp }: StoreEntry, { token }: Prepared): boolean {
  return versionstamp !== null && (value as Partial<EventHead> | null)?.token === token;
}

/** What was published under a key is a duplicate of what was seen under it. */
function setDuplicates(done: Unit["done"], prepared: Prepared, { id, others = [] }: Seen): void {
  done.set(prepared, { ...receiptOf(prepared), id, duplicate: true });
  for (const [index, other] of (prepared.others ?? []).entries()) {
    done.set(other, { ...receiptOf(other), id: others[index]!, duplicate: true });
  }
}
