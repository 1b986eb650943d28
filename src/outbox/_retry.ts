import type { StoreEntry, StoreKey } from "../store/mod.ts";
import { type Change, commitChange, type Outcome } from "./_commit.ts";
import { readEndpoint } from "./_endpoint_record.ts";
import { headOf } from "./_list_events.ts";
import { canBeDelivery } from "./_list_options.ts";
import { readLog } from "./_reader.ts";
import { readHead } from "./_lanes.ts";
import { type DeliveryLog, readDue, UNLEASED, VERSION } from "./_records.ts";
import { type DeliveryName, type Ended, type Mover, reviveOne, sessionOf } from "./_revive.ts";
import { readList, readMany } from "./_scan.ts";
import { OutboxUnavailableError } from "./errors.ts";
import type { RetryOutcome } from "./operations.ts";

/** How long one commit waits for the store, in milliseconds. */
const PATIENCE = 10_000;
/** Due keys among which a leased one is looked for: a worker leases the earliest. */
const PAGE = 128;
/** How often a delivery that others move meanwhile is looked at again. */
const ROUNDS = 5;

/** A delivery as it was read: its event, its log, and the key of a dead one. */
type Stand = {
  readonly event: StoreEntry;
  readonly logged: StoreEntry;
  readonly dead: StoreEntry;
  readonly log: DeliveryLog;
  /** Whether its target was removed: what a slow process left behind of it is nothing. */
  readonly removed: boolean;
};

/**
 * Delivers now what waits, is dead, or was delivered. What is read is checked by what is written: when that
 * is refused, somebody was faster, or it had been applied and the answer was lost.
 */
export async function retryDelivery(
  mover: Mover,
  target: string,
  id: string,
): Promise<RetryOutcome> {
  if (!canBeDelivery(target, id)) return "unknown";
  const name = { target, id };
  // Where it was moved to by a commit that was refused.
  let moved: number | undefined;
  for (let round = 0; round < ROUNDS; round++) {
    const stand = await read(mover, name);
    const { event, logged, dead, log, removed } = stand;
    if (removed) return "unknown";
    const stored = logged.value !== null || dead.value !== null;
    if (event.value === null) return stored ? "gone" : "unknown";
    if (!stored && !headOf(event.value)?.to.includes(target)) return "unknown";
    if (log.state === "expired") return "gone";
    if (dead.value === null && log.state === "pending") {
      const outcome = await move(mover, name, stand, moved);
      if (typeof outcome === "string") return outcome;
      moved = outcome.at ?? moved;
    } else {
      // It has been attempted meanwhile: that is what was wished.
      return moved === undefined ? await replay(mover, name, stand) : "leased";
    }
  }
  return "leased";
}

async function read(mover: Mover, { target, id }: DeliveryName): Promise<Stand> {
  const { keys } = mover;
  const [event, logged, dead, endpoint] = await readMany(mover, [
    keys.event(id),
    keys.delivery(target, id),
    keys.dead(target, id),
    keys.endpoint(target),
  ]);
  const removed = readEndpoint(endpoint!.value).state === "deleted";
  return { event: event!, logged: logged!, dead: dead!, log: readLog(logged!.value), removed };
}

/**
 * Moves a delivery that waits to now. When it was changed meanwhile: `at`, the time that a refused commit
 * would have written.
 */
async function move(
  mover: Mover,
  name: DeliveryName,
  { event, logged, log }: Stand,
  moved: number | undefined,
): Promise<RetryOutcome | { readonly at?: number }> {
  const { keys, env, retention: { rest } } = mover;
  const { target, id } = name;
  const head = headOf(event.value);
  const session = sessionOf(head, target);
  if (session !== undefined && await isQueued(mover, target, session, id)) return "queued";
  const at = log.at ?? head?.at;
  if (at === undefined) return "unknown";
  if (at === moved) return done(mover, "moved");
  const dueAt = (at: number): StoreKey =>
    session === undefined ? keys.due(target, at, id) : keys.laneDue(target, at, session);
  const [again, due] = await readMany(mover, [keys.delivery(target, id), dueAt(at)]);
  if (again!.versionstamp !== logged.versionstamp) return {};
  // The first of a lane is due where the lane is, which is now unless it was tried and failed.
  if (due!.versionstamp === null && session !== undefined) {
    return await isLeased(mover, target, session) ? "leased" : done(mover, "moved");
  }
  // Live, and not here: everything of its target was removed.
  if (due!.versionstamp === null) return "unknown";
  const now = env.now();
  const lease = readDue(due!.value);
  if (lease === "newer" || lease.until > now) return "leased";
  if (at <= now) return done(mover, "moved");
  const change: Change = {
    checks: [check(due!), check(again!)],
    sums: [],
    deletes: [due!.key],
    sets: [
      [dueAt(now), UNLEASED, session === undefined ? rest : undefined],
      [logged.key, { ...log, v: VERSION, at: now }, rest],
    ],
  };
  return await commit(mover, change) ? done(mover, "moved") : { at: now };
}

/** Whether another delivery of a session is before this one. */
async function isQueued(
  { store, keys, env }: Mover,
  target: string,
  session: string,
  id: string,
): Promise<boolean> {
  const head = await readHead(store, keys, target, session, env);
  return head.n !== undefined && head.id !== id;
}

/** Whether a lane is leased whose due key stands at a time that no log has: with the earliest, if it is. */
async function isLeased(mover: Mover, target: string, session: string): Promise<boolean> {
  const { keys, env } = mover;
  const page = await readList(mover, keys.dueFrom(target), { limit: PAGE });
  const found = page.find(({ key: [, , ...parts] }) =>
    parts[0] === target && parts[2] === "lane" && parts[3] === session
  );
  const lease = found && readDue(found.value);
  return lease !== undefined && (lease === "newer" || lease.until > env.now());
}

/** Makes a delivery live that came to its end. */
async function replay(
  mover: Mover,
  name: DeliveryName,
  { event, logged, dead, log }: Stand,
): Promise<RetryOutcome> {
  const state = dead.value === null ? "delivered" : "dead";
  const guard = check(state === "dead" ? dead : logged);
  const session = sessionOf(headOf(event.value), name.target);
  const ended: Ended = { ...name, session, state, guard, log };
  if (await reviveOne(mover, ended, mover.env.now(), PATIENCE)) return done(mover, "replayed");
  // Only a replay changes such a key, mine or another's, unless all of it is gone.
  const now = await read(mover, name);
  if (now.event.value === null) return "gone";
  return now.logged.value === null ? "unknown" : done(mover, "replayed");
}

/** Whether a commit was applied; false may mean that it was. @throws {OutboxUnavailableError} */
async function commit({ store, env }: Mover, change: Change): Promise<boolean> {
  const outcome: Outcome = await commitChange(store, change, env, PATIENCE);
  if (outcome.ok === "unknown") throw new OutboxUnavailableError("unknown", outcome.cause, "retry");
  return outcome.ok;
}

function check({ key, versionstamp }: StoreEntry): Change["checks"][number] {
  return { key, versionstamp };
}

function done(mover: Mover, outcome: RetryOutcome): RetryOutcome {
  mover.wake();
  return outcome;
}
