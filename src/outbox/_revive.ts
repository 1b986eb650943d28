import type { StoreCheck } from "../store/mod.ts";
import { commitChange } from "./_commit.ts";
import { Draft, putDue } from "./_draft.ts";
import type { Keys } from "./_keys.ts";
import { LaneTails, putLaneDue } from "./_lanes.ts";
import { type DeliveryLog, type EventHead, type Retention, UNLEASED, VERSION } from "./_records.ts";
import { readMany, type Source } from "./_scan.ts";
import { OutboxUnavailableError } from "./errors.ts";

/** How often a delivery is added to a lane that others add to meanwhile. */
const ROUNDS = 10;

/** What deliveries are moved with. */
export type Mover = Source & {
  readonly keys: Keys;
  readonly retention: Retention;
  /** Something is due that no worker knows of. */
  readonly wake: () => void;
};

/** A delivery. */
export type DeliveryName = { readonly target: string; readonly id: string };

/** A delivery that came to its end, and is to be delivered again. */
export type Ended = DeliveryName & {
  /** The session in whose order it is delivered. */
  readonly session: string | undefined;
  /** How it ended: its count is undone. */
  readonly state: "dead" | "delivered";
  /** The key that says so, as it was read: whoever is faster changes it. */
  readonly guard: StoreCheck;
  readonly log: DeliveryLog;
};

/** The session in whose order a target was to get an event. */
export function sessionOf(head: EventHead | undefined, target: string): string | undefined {
  return head?.lane?.targets.includes(target) ? head.lane.session : undefined;
}

/**
 * Makes deliveries live which came to their end, in one commit. Whether it was applied; false may mean
 * that it was.
 *
 * @throws {OutboxUnavailableError}
 */
export async function revive(
  mover: Mover,
  deliveries: readonly Ended[],
  at: number,
  patience: number,
): Promise<boolean> {
  const { store, env } = mover;
  const { change } = await draftOf(mover, deliveries, at);
  const outcome = await commitChange(store, change, env, patience);
  if (outcome.ok !== "unknown") return outcome.ok;
  throw new OutboxUnavailableError("unknown", outcome.cause, "replay");
}

/** The same for one: when its lane moved meanwhile, it is tried again. */
export async function reviveOne(
  mover: Mover,
  ended: Ended,
  at: number,
  patience: number,
): Promise<boolean> {
  for (let round = 0; round < ROUNDS; round++) {
    if (await revive(mover, [ended], at, patience)) return true;
    if (ended.session === undefined) return false;
    const [guard] = await readMany(mover, [ended.guard.key]);
    if (guard!.versionstamp !== ended.guard.versionstamp) return false;
  }
  return false;
}

/** Their schedules begin anew; one that is ordered joins the end of its lane. */
async function draftOf(
  { store, keys, env, retention }: Mover,
  deliveries: readonly Ended[],
  at: number,
): Promise<Draft> {
  const draft = new Draft();
  const lanes = deliveries.flatMap(({ target, session }) =>
    session === undefined ? [] : [[target, session] as const]
  );
  const tails = await LaneTails.read(store, keys, lanes, env);
  for (const { target, id, session, state, guard, log: { made, attempts } } of deliveries) {
    draft.checks.push(guard);
    draft.sums.add(keys.count(target, id, state), -1n);
    if (state === "dead") draft.deletes.push(guard.key);
    if (session === undefined) putDue(draft, keys.due(target, at, id), UNLEASED, retention);
    else if (tails.append(draft, target, session, id, retention.rest)) {
      putLaneDue(draft, keys, target, at, session, UNLEASED);
    }
    const log: DeliveryLog = { v: VERSION, state: "pending", at, made, base: made, attempts };
    draft.sets.push([keys.delivery(target, id), log, retention.rest]);
  }
  tails.finish(draft);
  return draft;
}
