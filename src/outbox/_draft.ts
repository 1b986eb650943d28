import type { StoreCheck, StoreKey } from "../store/mod.ts";
import type { WireEvent } from "../core/mod.ts";
import { type Change, Sums } from "./_commit.ts";
import type { Keys } from "./_keys.ts";
import { type Due, type EventHead, type Retention, VERSION } from "./_records.ts";

/** A commit that is being put together. */
export class Draft {
  readonly checks: StoreCheck[] = [];
  readonly sums = new Sums();
  readonly deletes: StoreKey[] = [];
  readonly sets: Change["sets"][number][] = [];

  /** The commit, as data. */
  get change(): Change {
    const { checks, sums, deletes, sets } = this;
    return { checks, sums: sums.entries(), deletes, sets };
  }
}

/** An event to be stored. */
export type NewEvent = {
  readonly id: string;
  readonly wire: WireEvent;
  readonly to: readonly string[];
  /** The targets that get it in the order of its session, and the session. */
  readonly lanes?: ReadonlyMap<string, string> | undefined;
  /** Made for its head alone. */
  readonly token?: string | undefined;
  /** Parts of its JSON that are stored already, instead of a body in its head. */
  readonly chunks?: readonly unknown[] | undefined;
};

/** Adds an event's head, and the count of a delivery for each target. */
export function putHead(
  draft: Draft,
  { id, wire, to, lanes, token, chunks }: NewEvent,
  at: number,
  keys: Keys,
  retention: Retention,
): void {
  const body = chunks ? { chunks: chunks.length } : { event: wire };
  const [session] = lanes?.values() ?? [];
  const lane = session === undefined ? {} : { lane: { session, targets: [...lanes!.keys()] } };
  const mark = token === undefined ? {} : { token };
  const head: EventHead = { v: VERSION, to, at, ...lane, ...mark, ...body };
  draft.sets.push([keys.event(id), head, retention.head]);
  for (const target of to) draft.sums.add(keys.count(target, id, "accepted"));
}

/** Adds the due key of a delivery that waits for none of its session. */
export function putDue(
  draft: Draft,
  key: StoreKey,
  due: Due,
  retention: Retention,
): void {
  draft.sets.push([key, due, retention.rest]);
}
