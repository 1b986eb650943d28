import { Draft, putDue, putHead } from "./_draft.ts";
import type { Env } from "./_env.ts";
import type { Keys } from "./_keys.ts";
import { type LaneTails, putLaneDue } from "./_lanes.ts";
import type { BornLease, Lessor } from "./_lessor.ts";
import type { Prepared } from "./_prepare.ts";
import { type Retention, type Seen, UNLEASED, VERSION } from "./_records.ts";

/** What a publication is written with. */
export type PublicationOptions = {
  readonly keys: Keys;
  readonly env: Env;
  readonly retention: Retention;
  readonly lessor: Lessor;
};

/**
 * One commit for some events: heads, due keys, counts. Its guard is that the first is not there. Deliveries
 * that are born leased are added to `leases`.
 */
export function publicationDraft(
  batch: readonly Prepared[],
  tails: LaneTails,
  leases: BornLease[],
  options: PublicationOptions,
): Draft {
  const { keys, env, retention } = options;
  const at = env.now();
  const draft = new Draft();
  draft.checks.push({ key: keys.event(batch[0]!.event.id), versionstamp: null });
  for (const [n, prepared] of batch.entries()) {
    const { event: { id }, key, token, hash, others } = prepared;
    if (n > 0 && token !== undefined) {
      draft.checks.push({ key: keys.event(id), versionstamp: null });
    }
    putHead(draft, { id, ...prepared }, at, keys, retention);
    for (const target of prepared.to) {
      const lease = putDelivery(draft, prepared, target, at, tails, options);
      if (lease) leases.push(lease);
    }
    if (key !== undefined) {
      const rest = others && { others: others.map(({ event }) => event.id) };
      const seen: Seen = { v: VERSION, id, hash, ...rest };
      draft.checks.push({ key: keys.seen(key), versionstamp: null });
      draft.sets.push([keys.seen(key), seen, retention.seen]);
    }
  }
  tails.finish(draft);
  for (const lease of leases) {
    if (lease.session !== undefined) lease.more = tails.added(lease.target, lease.session) > 1;
  }
  return draft;
}

/** A delivery as it is born: leased to this process when it may be attempted at once. */
function putDelivery(
  draft: Draft,
  prepared: Prepared,
  target: string,
  at: number,
  tails: LaneTails,
  { keys, retention, lessor }: PublicationOptions,
): BornLease | undefined {
  const { event: { id }, lanes } = prepared;
  const session = lanes.get(target);
  if (session !== undefined && !tails.append(draft, target, session, id, retention.rest)) return;
  const lease = lessor.lease(target);
  const due = lease?.due ?? UNLEASED;
  if (session === undefined) putDue(draft, keys.due(target, at, id), due, retention);
  else putLaneDue(draft, keys, target, at, session, due);
  return lease && { target, session, more: false, prepared, at, ...lease };
}
