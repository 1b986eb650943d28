import type { HookEvent, Receipt, RecordWrite, WireEvent } from "../core/mod.ts";
import { canonicalJson } from "../internal/json_text.ts";
import type { StoreEntry } from "../store/mod.ts";
import type { CommitBuilder } from "./commit.ts";
import { decisionGroup } from "./decision_index.ts";
import type { Retention } from "./limits.ts";
import {
  type DueRecord,
  type EventRecord,
  type IdempotencyRecord,
  type Keys,
  type SessionEntry,
  type SessionRecord,
  UNLEASED,
  VERSION,
} from "./records.ts";

/** Where records are stored, and for how long. */
export type Layout = { readonly keys: Keys; readonly retention: Retention };

/** An event to be stored. */
type NewEvent = {
  readonly id: string;
  readonly wire: WireEvent;
  readonly to: readonly string[];
  /** The ordered targets, and what identifies the session in their keys. */
  readonly sessions?: ReadonlyMap<string, string> | undefined;
  readonly token?: string | undefined;
  /** The parts of its JSON, when they are stored apart. */
  readonly chunks?: readonly unknown[] | undefined;
  /** Bytes that its record takes at most, if they are known and it has no chunks. */
  readonly recordBytes?: number | undefined;
};

/** Returns the record of an event. */
export function eventRecord(event: NewEvent, at: number): EventRecord {
  const { wire, to, sessions, token, chunks } = event;
  const [session] = sessions?.values() ?? [];
  return {
    v: VERSION,
    to,
    at,
    ...(session === undefined ? {} : { lane: { session, targets: [...sessions!.keys()] } }),
    ...(token === undefined ? {} : { token }),
    ...(chunks ? { chunks: chunks.length } : { event: wire }),
  };
}

/** Adds an event to a commit, to the index if it is a decision, and counts a delivery for each of its targets. */
export function putEvent(
  commit: CommitBuilder,
  event: NewEvent,
  at: number,
  { keys, retention }: Layout,
): void {
  const bytes = event.chunks ? undefined : event.recordBytes;
  commit.set(keys.event(event.id), eventRecord(event, at), retention.head, bytes);
  const group = decisionGroup(event.wire);
  if (group) commit.set(keys.decided(group, event.id), { v: VERSION }, retention.head);
  for (const target of event.to) commit.sum(keys.count(target, event.id, "accepted"));
}

/** Adds a due key. That of a session has no lifetime, as the session has none. */
export function putDue(
  commit: CommitBuilder,
  { target, at, id, session }: {
    readonly target: string;
    readonly at: number;
    readonly id: string;
    readonly session?: string | undefined;
  },
  due: DueRecord,
  { keys, retention }: Layout,
): void {
  if (session === undefined) commit.set(keys.due(target, at, id), due, retention.rest);
  else commit.set(keys.sessionDue(target, at, session), due, undefined);
}

/** A target and a session. */
type SessionName = readonly [target: string, session: string];

type Tail = {
  readonly name: SessionName;
  readonly versionstamp: string | null;
  readonly first: number;
  next: number;
};

/** The sessions that one commit appends to: each is checked and written once. */
export class SessionTails {
  readonly #tails = new Map<string, Tail>();
  readonly #layout: Layout;

  /** `entries`: the sessions' records, in their order; without them, sessions that don't exist yet. */
  constructor(
    sessions: readonly SessionName[],
    layout: Layout,
    entries: readonly StoreEntry[] = [],
  ) {
    this.#layout = layout;
    for (const [i, name] of sessions.entries()) {
      const { value = null, versionstamp = null } = entries[i] ?? {};
      const first = (value as SessionRecord | null)?.next ?? 0;
      this.#tails.set(JSON.stringify(name), { name, versionstamp, first, next: first });
    }
  }

  /** Appends a delivery. Returns whether it is the first of its session, which then needs a due key. */
  append(commit: CommitBuilder, [target, session]: SessionName, id: string): boolean {
    const { keys, retention } = this.#layout;
    const tail = this.#tails.get(JSON.stringify([target, session]))!;
    const entry: SessionEntry = { v: VERSION, id };
    const n = tail.next++;
    commit.set(keys.sessionEntry(target, session, n), entry, retention.rest);
    return tail.versionstamp === null && n === tail.first;
  }

  /** Returns how many deliveries were appended to a session. */
  added(name: SessionName): number {
    const { first, next } = this.#tails.get(JSON.stringify(name))!;
    return next - first;
  }

  /** Adds the sessions' records. They have no lifetime: one that expired would stop its session. */
  finish(commit: CommitBuilder): void {
    for (const { name, versionstamp, next } of this.#tails.values()) {
      const key = this.#layout.keys.session(...name);
      const record: SessionRecord = { v: VERSION, next };
      commit.check(key, versionstamp);
      commit.set(key, record, undefined);
    }
  }
}

/** One publication, checked and encoded. */
export type Prepared = {
  readonly event: HookEvent;
  readonly wire: WireEvent;
  readonly to: readonly string[];
  /** The ordered targets, and what identifies the session in their keys. */
  readonly sessions: ReadonlyMap<string, string>;
  readonly key: string | undefined;
  /**
   * Stored with the event, to recognize it, because another process may have stored it already. Undefined if
   * its id was created for this publication, so that it isn't stored yet.
   */
  readonly token: string | undefined;
  /** SHA-256 of what was published, when there is a key. */
  readonly hash: string;
  /** The rest of its batch, when its key is that of the whole. */
  readonly others?: readonly Prepared[];
  /** The parts of its JSON, when it is stored apart. */
  chunks: readonly string[] | undefined;
  /** Bytes that its record takes at most, without chunks. */
  readonly recordBytes: number;
  /** Records that are stored with its batch. */
  readonly records?: readonly RecordWrite[] | undefined;
};

/** Returns the different sessions that events belong to. */
export function sessionNames(batch: readonly Prepared[]): readonly SessionName[] {
  const names = batch.flatMap(({ sessions }) => [...sessions]);
  return [...new Map(names.map((name) => [JSON.stringify(name), name])).values()];
}

/** A delivery that is stored with a lease of this process; `Leased` is what leased it. */
export type NewLease<Leased = { readonly due: DueRecord }> = PlannedLease<Leased> & {
  /** Whether others of the session are stored with it. */
  readonly more: boolean;
};

type PlannedLease<Leased> = Leased & {
  readonly target: string;
  readonly prepared: Prepared;
  readonly at: number;
  /** Of a session that begins with it. */
  readonly session: string | undefined;
};

/** The context in which the commit of a publication is built. */
type PublicationOptions<Leased> = {
  readonly at: number;
  readonly tails: SessionTails;
  /** Leases a delivery that is stored now; undefined: it is stored without. */
  readonly lease: (target: string) => Leased | undefined;
  readonly layout: Layout;
};

/**
 * Adds events to a commit: their records, due keys and counts. The guard is that the first event isn't
 * stored yet. Returns the leases in it.
 */
export function putPublication<Leased extends { readonly due: DueRecord }>(
  commit: CommitBuilder,
  batch: readonly Prepared[],
  { at, tails, lease, layout }: PublicationOptions<Leased>,
): readonly NewLease<Leased>[] {
  const { keys, retention } = layout;
  const leases: PlannedLease<Leased>[] = [];
  for (const [n, prepared] of batch.entries()) {
    const { event: { id }, key, token, hash, others, sessions } = prepared;
    if (n === 0 || token !== undefined) commit.check(keys.event(id), null);
    putEvent(commit, { ...prepared, id }, at, layout);
    for (const target of prepared.to) {
      const session = sessions.get(target);
      if (session !== undefined && !tails.append(commit, [target, session], id)) continue;
      const leased = lease(target);
      putDue(commit, { target, at, id, session }, leased?.due ?? UNLEASED, layout);
      if (leased) leases.push({ ...leased, target, session, prepared, at });
    }
    for (const record of prepared.records ?? []) putRecord(commit, record, layout);
    if (key === undefined) continue;
    const rest = others && { others: others.map(({ event }) => event.id) };
    const record: IdempotencyRecord = { v: VERSION, id, hash, ...rest };
    commit.check(keys.idempotency(key), null);
    commit.set(keys.idempotency(key), record, retention.seen);
  }
  tails.finish(commit);
  return leases.map((leased) => {
    const { target, session } = leased;
    // mutant: session-has-more
    const more = session !== undefined && tails.added([target, session]) > 1;
    return { ...leased, more };
  });
}

/** Adds a record of the hooks to a commit. */
export function putRecord(
  commit: CommitBuilder,
  { key, value, versionstamp, lifetime }: RecordWrite,
  { keys, retention }: Layout,
): void {
  const name = keys.record(...key);
  if (versionstamp !== undefined) commit.check(name, versionstamp);
  if (value === null) commit.delete(name);
  else commit.set(name, value, lifetime === Infinity ? undefined : lifetime ?? retention.rest);
}

/** Returns the content that two publications under one key or id must share. A timestamp counts if it was sent. */
export function contentOf(
  { type, session_id, data, timestamp }: WireEvent,
  hasTimestamp = false,
): unknown {
  const content = [type, session_id ?? "", data];
  return hasTimestamp ? [...content, timestamp] : content;
}

/** Returns the receipt of an event for which nothing is stored. */
export function receiptOf({ event: { id } }: Prepared): Receipt {
  return { id, deliveries: 0, duplicate: false, handlers: [] };
}

/** Returns whether two events under one id are the same, regardless of the order of their keys. */
export function isSame(a: WireEvent, b: WireEvent): boolean {
  return canonicalJson(contentOf(a)) === canonicalJson(contentOf(b));
}
