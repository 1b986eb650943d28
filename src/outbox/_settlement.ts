import type { DeliveryAlerts } from "./_delivery_alerts.ts";
import { Draft } from "./_draft.ts";
import type { Env } from "./_env.ts";
import type { Count, Keys } from "./_keys.ts";
import type { Job, Settlement } from "./_lease.ts";
import type { OwnEvents } from "./_own_events.ts";
import {
  type Dead,
  type DeliveryLog,
  type Due,
  keepAttempts,
  type Retention,
  UNLEASED,
  VERSION,
} from "./_records.ts";

/** What a settlement is written with. */
export type SettlementOptions = {
  readonly keys: Keys;
  readonly env: Env;
  readonly retention: Retention;
  readonly events: OwnEvents;
  readonly alerts: DeliveryAlerts;
};

type Settled = { readonly job: Job; readonly settlement: Settlement };

/** One commit that settles some leases, and what is to be announced when it has succeeded. */
export function settlementDraft(
  group: readonly Settled[],
  options: SettlementOptions,
): { draft: Draft; announce: () => void } {
  const draft = new Draft();
  const announcements: (() => void)[] = [];
  for (const { job, settlement } of group) {
    const { key, versionstamp } = job.lease;
    draft.checks.push({ key, versionstamp });
    putPlace(draft, job, settlement, options);
    if (settlement.kind === "returned" || settlement.kind === "empty") continue;
    putOutcome(draft, job, settlement, options);
    announcements.push(() => options.alerts.settled(job, settlement));
    if (settlement.kind === "dead" && settlement.type !== undefined) {
      const data = { target: job.lease.target, event_id: job.id, reason: settlement.reason };
      announcements.push(options.events.put(draft, "delivery.dead", data, settlement.type));
    }
  }
  return { draft, announce: () => announcements.forEach((announce) => announce()) };
}

/** What becomes of the due key, and of the lane that it may stand for. */
function putPlace(
  draft: Draft,
  { lease, id, lane }: Job,
  settlement: Settlement,
  { keys, retention, env }: SettlementOptions,
): void {
  const { target, session, key, due } = lease;
  const lifetime = session === undefined ? retention.rest : undefined;
  if (settlement.kind === "returned") {
    const back: Due = { ...UNLEASED, claims: Math.max(0, due.claims - 1) };
    draft.sets.push([key, back, lifetime]);
    return;
  }
  const more = lane?.more === true && settlement.kind !== "retry";
  // A lane that goes on lets those that wait go first. Never before its time, which another clock gave it.
  const next = more ? Math.max(lease.at, env.now()) : undefined;
  if (next !== lease.at) draft.deletes.push(key);
  if (settlement.kind === "retry") {
    const moved = session === undefined
      ? keys.due(target, settlement.at, id)
      : keys.laneDue(target, settlement.at, session);
    draft.sets.push([moved, UNLEASED, lifetime]);
    return;
  }
  if (lane === undefined) return;
  if (lane.n !== undefined) draft.deletes.push(keys.laneEntry(target, session!, lane.n));
  if (next !== undefined) {
    return void draft.sets.push([keys.laneDue(target, next, session!), UNLEASED, undefined]);
  }
  // The last of its lane, which ends with it unless another came meanwhile.
  draft.checks.push({ key: keys.lane(target, session!), versionstamp: lane.versionstamp });
  draft.deletes.push(keys.lane(target, session!));
}

function putOutcome(
  draft: Draft,
  { lease: { target }, id }: Job,
  settlement: Exclude<Settlement, { kind: "returned" | "empty" }>,
  { keys, retention: { rest }, env }: SettlementOptions,
): void {
  for (const what of countsOf(settlement)) draft.sums.add(keys.count(target, id, what));
  draft.sets.push([keys.delivery(target, id), logOf(settlement, env.now()), rest]);
  if (settlement.kind !== "dead") return;
  const dead: Dead = { v: VERSION, at: env.now(), reason: settlement.reason };
  draft.sets.push([keys.dead(target, id), dead, rest]);
}

function logOf(
  settlement: Exclude<Settlement, { kind: "returned" | "empty" }>,
  now: number,
): DeliveryLog {
  const { kind, log } = settlement;
  const attempt = kind === "expired" ? undefined : settlement.attempt;
  const attempts = attempt
    ? keepAttempts([...log.attempts, { ...attempt, at: now }])
    : log.attempts;
  const state = kind === "retry" ? "pending" : kind;
  const at = kind === "retry" ? { at: settlement.at } : {};
  const base = log.base === undefined ? {} : { base: log.base };
  return { v: VERSION, state, ...at, made: log.made + (attempt ? 1 : 0), ...base, attempts };
}

function countsOf(
  settlement: Exclude<Settlement, { kind: "returned" | "empty" }>,
): readonly Count[] {
  const failed = settlement.kind !== "delivered" && settlement.kind !== "expired" &&
    settlement.attempt;
  return [
    ...(settlement.kind === "retry" ? [] : [settlement.kind]),
    ...(failed ? ["failed" as const] : []),
  ];
}
