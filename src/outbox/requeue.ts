import type { StoreCheck, StoreEntry } from "../store/mod.ts";
import { CommitBuilder } from "./commit.ts";
import { putDue, SessionTails } from "./put_publication.ts";
import type { RetryOutcome } from "./operation_types.ts";
import { canBeDelivery } from "./pagination.ts";
import {
  type DeliveryRecord,
  readDue,
  readEventRecord,
  readLog,
  readTargetRecord,
  sessionOf,
  UNLEASED,
  VERSION,
} from "./records.ts";
import type { StoreClient } from "./store_client.ts";
import { COMMIT_TIMEOUT } from "./timeouts.ts";

/** Due keys among which a leased one is searched: a worker leases the earliest. */
const PAGE = 128;
/** How many times to read a delivery again that others have moved in the meantime. */
const ROUNDS = 5;

/** A delivery as it was read. */
type Found = {
  readonly event: StoreEntry;
  readonly logged: StoreEntry;
  readonly dead: StoreEntry;
  readonly log: DeliveryRecord;
  readonly isRemoved: boolean;
};

/**
 * Makes a waiting, dead, or delivered delivery due now. The commit checks everything that was read: if it is
 * rejected, another call committed first, or it had been applied and the response was lost.
 */
export async function retryDelivery(
  client: StoreClient,
  target: string,
  id: string,
  wake: () => void,
): Promise<RetryOutcome> {
  if (!canBeDelivery(target, id)) return "unknown";
  // Where a commit that was rejected would have moved it.
  let moved: number | undefined;
  for (let round = 0; round < ROUNDS; round++) {
    const found = await find(client, target, id);
    const { event, logged, dead, log, isRemoved } = found;
    if (isRemoved) return "unknown";
    const isLogged = logged.value !== null || dead.value !== null;
    if (event.value === null) return isLogged ? "gone" : "unknown";
    if (!isLogged && !readEventRecord(event.value)?.to.includes(target)) return "unknown";
    if (log.state === "expired") return "gone";
    let outcome: RetryOutcome | number | undefined;
    if (dead.value === null && log.state === "pending") {
      outcome = await move(client, target, id, { ...found, moved });
    } else {
      // After a move: it was attempted meanwhile, as requested.
      outcome = moved === undefined ? await replayOne(client, target, id, found) : "leased";
    }
    if (outcome === "moved" || outcome === "replayed") wake();
    if (typeof outcome === "string") return outcome;
    moved = outcome ?? moved;
  }
  return "leased";
}

async function find(client: StoreClient, target: string, id: string): Promise<Found> {
  const { keys } = client;
  const [event, logged, dead, status] = await client.get([
    keys.event(id),
    keys.delivery(target, id),
    keys.dead(target, id),
    keys.target(target),
  ]);
  const isRemoved = readTargetRecord(status!.value).state === "deleted";
  return { event: event!, logged: logged!, dead: dead!, log: readLog(logged!.value), isRemoved };
}

/** Moves a pending delivery to now. When it was changed meanwhile, returns the time of the rejected commit, if any. */
async function move(
  client: StoreClient,
  target: string,
  id: string,
  { event, logged, log, moved }: Found & { readonly moved: number | undefined },
): Promise<RetryOutcome | number | undefined> {
  const { keys, clock, retention } = client;
  const record = readEventRecord(event.value);
  const session = sessionOf(record, target);
  if (session !== undefined) {
    const head = await client.readSessionHead(target, session);
    if (head.n !== undefined && head.id !== id) return "queued";
  }
  const at = log.at ?? record?.at;
  if (at === undefined) return "unknown";
  if (at === moved) return "moved";
  const isAlone = session === undefined;
  const [again, due] = await client.get([
    keys.delivery(target, id),
    isAlone ? keys.due(target, at, id) : keys.sessionDue(target, at, session),
  ]);
  if (again!.versionstamp !== logged.versionstamp) return undefined;
  // The first of a session is due when the session is, which is now unless an attempt has failed.
  if (due!.versionstamp === null && !isAlone) {
    return await isLeased(client, target, session) ? "leased" : "moved";
  }
  // It is pending without a due key: everything of its target was removed.
  if (due!.versionstamp === null) return "unknown";
  const now = clock.now();
  const lease = readDue(due!.value);
  if (lease === "newer" || lease.until > now) return "leased";
  if (at <= now) return "moved";
  const builder = new CommitBuilder();
  builder.check(due!.key, due!.versionstamp);
  builder.check(again!.key, again!.versionstamp);
  builder.delete(due!.key);
  putDue(builder, { target, at: now, id, session }, UNLEASED, client);
  builder.set(logged.key, { ...log, v: VERSION, at: now }, retention.rest);
  return await client.write(builder, "retry") ? "moved" : now;
}

/** Returns whether a session is leased whose due key is at a time that no log has: it is among the earliest then. */
async function isLeased(client: StoreClient, target: string, session: string): Promise<boolean> {
  const page = await client.list(client.keys.dueFrom(target), { limit: PAGE });
  const found = page.find(({ key: [, , ...parts] }) =>
    parts[0] === target && parts[2] === "lane" && parts[3] === session
  );
  const lease = found && readDue(found.value);
  return lease !== undefined && (lease === "newer" || lease.until > client.clock.now());
}

/** Makes an ended delivery pending again. */
async function replayOne(
  client: StoreClient,
  target: string,
  id: string,
  { event, logged, dead, log }: Found,
): Promise<RetryOutcome> {
  const state = dead.value === null ? "delivered" : "dead";
  const { key, versionstamp } = state === "dead" ? dead : logged;
  const session = sessionOf(readEventRecord(event.value), target);
  const ended: Ended = { target, id, session, state, guard: { key, versionstamp }, log };
  if (await requeueOne(client, ended, client.clock.now(), COMMIT_TIMEOUT)) return "replayed";
  // Only a replay changes such a key, this one or another, unless all of it is gone.
  const now = await find(client, target, id);
  if (now.event.value === null) return "gone";
  return now.logged.value === null ? "unknown" : "replayed";
}

/** How many times to try to add a delivery to a session that others are also adding to. */
const REQUEUE_ROUNDS = 10;

/** A delivery that has ended, and is to be delivered again. */
export type Ended = {
  readonly target: string;
  readonly id: string;
  /** The session in whose order it is delivered. */
  readonly session: string | undefined;
  /** How it ended: its count is undone. */
  readonly state: "dead" | "delivered";
  /** The key that says so, as it was read: another call that commits first changes it. */
  readonly guard: StoreCheck;
  readonly log: DeliveryRecord;
};

/**
 * Makes an ended delivery pending again. If its session changed in the meantime, tries again. Resolves to false
 * if another call committed first, or the commit had already been applied.
 */
export async function requeueOne(
  client: StoreClient,
  ended: Ended,
  at: number,
  timeout: number,
): Promise<boolean> {
  for (let round = 0; round < REQUEUE_ROUNDS; round++) {
    if (await requeue(client, [ended], at, timeout)) return true;
    if (ended.session === undefined) return false;
    const [guard] = await client.get([ended.guard.key]);
    if (guard!.versionstamp !== ended.guard.versionstamp) return false;
  }
  return false;
}

/**
 * Makes ended deliveries pending again, in one commit. Resolves to whether it was applied; false may mean
 * that it was applied before. Their schedules start again, and ordered ones join the end of their session.
 *
 * @throws {OutboxUnavailableError}
 */
export async function requeue(
  client: StoreClient,
  deliveries: readonly Ended[],
  at: number,
  timeout: number,
): Promise<boolean> {
  const { keys, retention } = client;
  const sessions = deliveries.flatMap(({ target, session }) =>
    session === undefined ? [] : [[target, session] as const]
  );
  const entries = await client.get(sessions.map((name) => keys.session(...name)));
  const tails = new SessionTails(sessions, client, entries);
  const builder = new CommitBuilder();
  for (const { target, id, session, state, guard, log: { made, attempts } } of deliveries) {
    builder.check(guard.key, guard.versionstamp);
    builder.sum(keys.count(target, id, state), -1n);
    if (state === "dead") builder.delete(guard.key);
    const isFirst = session === undefined || tails.append(builder, [target, session], id);
    if (isFirst) putDue(builder, { target, at, id, session }, UNLEASED, client);
    const log: DeliveryRecord = { v: VERSION, state: "pending", at, made, base: made, attempts };
    builder.set(keys.delivery(target, id), log, retention.rest);
  }
  tails.finish(builder);
  return await client.write(builder, "replay", timeout);
}
