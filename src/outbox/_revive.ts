import type { StoreCheck } from "../core/mod.ts";
import { type Change, Sums } from "./_commit.ts";
import type { Keys } from "./_keys.ts";
import { type DeliveryLog, type Retention, UNLEASED, VERSION } from "./_records.ts";
import type { Source } from "./_scan.ts";

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
  /** How it ended: its count is undone. */
  readonly state: "dead" | "delivered";
  /** The key that says so, as it was read: whoever is faster changes it. */
  readonly guard: StoreCheck;
  readonly log: DeliveryLog;
};

/**
 * What a commit has to hold so that deliveries are live, and due at a time. The one place that says where
 * a delivery that becomes live again stands.
 */
export function placeDue(
  { keys, retention }: Mover,
  deliveries: readonly DeliveryName[],
  at: number,
): Promise<Pick<Change, "checks" | "sets">> {
  const sets = deliveries.map(({ target, id }) =>
    [keys.due(target, at, id), UNLEASED, retention.rest] as const
  );
  return Promise.resolve({ checks: [], sets });
}

/** One commit that makes deliveries live which came to their end. Their schedules begin anew. */
export async function reviveChange(
  mover: Mover,
  deliveries: readonly Ended[],
  at: number,
): Promise<Change> {
  const { keys, retention: { rest } } = mover;
  const sums = new Sums();
  const place = await placeDue(mover, deliveries, at);
  const sets = [...place.sets];
  for (const { target, id, state, log } of deliveries) {
    sums.add(keys.count(target, id, state), -1n);
    const { made, attempts } = log;
    const pending: DeliveryLog = { v: VERSION, state: "pending", at, made, base: made, attempts };
    sets.push([keys.delivery(target, id), pending, rest]);
  }
  return {
    checks: [...deliveries.map(({ guard }) => guard), ...place.checks],
    sums: sums.entries(),
    deletes: deliveries.flatMap(({ state, guard }) => state === "dead" ? [guard.key] : []),
    sets,
  };
}
