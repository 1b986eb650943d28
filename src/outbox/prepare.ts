import {
  EventValidationError,
  type HookEvent,
  type Publication,
  type PublishOptions,
  type Receipt,
  toWire,
} from "../core/mod.ts";
import { sha256Hex } from "../internal/crypto.ts";
import { canonicalJson } from "../internal/json_text.ts";
import { KEYS_LIMIT, StoreLimitError, type StoreLimits } from "../store/mod.ts";
import {
  CommitBuilder,
  type CommitSize,
  fits,
  jsonBytes,
  keyBytes,
  SUM_BYTES,
  utf8Bytes,
} from "./commit.ts";
import { decisionGroup } from "./decision_index.ts";
import {
  contentOf,
  eventRecord,
  isSame,
  type Layout,
  type Prepared,
  putPublication,
  receiptOf,
  sessionNames,
  SessionTails,
} from "./put_publication.ts";
import { IdempotencyConflictError, OutboxUnavailableError } from "./errors.ts";
import { MAX_EVENT } from "./limits.ts";
import { type DueRecord, VERSION } from "./records.ts";
import { largest, longestPrefix } from "../internal/truncate.ts";
import type { StoreClient } from "./store_client.ts";
import type { Targets } from "./targets.ts";
import { COMMIT_TIMEOUT } from "./timeouts.ts";

/** Bytes of a chunk, as the JSON string that is stored: a Deno KV value takes 64 KiB. */
const CHUNK = 60_000;
/** Bytes of a session in keys. A longer one is stored as its digest, because a commit takes 80 KiB of keys. */
const MAX_SESSION = 256;

/** The context in which a batch is prepared. */
export type PrepareOptions = Layout & {
  readonly limits: StoreLimits;
  readonly targets: Targets;
  /** Whether events without a target are stored. */
  readonly eventLog: boolean;
};

/** A batch that was checked and encoded. */
export type BatchPlan = {
  /** What is to be stored. */
  readonly stored: readonly Prepared[];
  /** The size of its commit. */
  readonly size: CommitSize;
  /** Returns the receipts of the batch, given those of what was stored. */
  receipts(done: ReadonlyMap<Prepared, Receipt>): readonly Receipt[];
};

/**
 * Checks and encodes a batch, and finds duplicates in it. Writes nothing.
 *
 * @throws {StoreLimitError | EventValidationError | IdempotencyConflictError}
 */
export async function planBatch(
  batch: readonly Publication[],
  { idempotencyKey, records }: Pick<PublishOptions, "idempotencyKey" | "records">,
  options: PrepareOptions,
): Promise<BatchPlan> {
  const [first, ...others] = await prepareBatch(batch, idempotencyKey, options);
  const all = first ? [{ ...first, records }, ...others] : [];
  const repeats = findRepeats(all);
  const isLogged = options.eventLog || records !== undefined;
  const stored = all.filter((one) =>
    !repeats.has(one) && (isLogged || one.to.length > 0 || one.key !== undefined)
  );
  const receipts = (done: ReadonlyMap<Prepared, Receipt>): readonly Receipt[] =>
    all.map((one) => {
      const original = repeats.get(one);
      if (original === undefined) return done.get(one) ?? receiptOf(one);
      const { id } = done.get(original) ?? receiptOf(original);
      return { ...receiptOf(one), id, duplicate: true };
    });
  return { stored, size: fitCommit(stored, options), receipts };
}

/**
 * Returns which publications of a batch repeat an earlier one: under the same key, or of the same event.
 *
 * @throws {IdempotencyConflictError} when a key or an id is that of two different events
 */
function findRepeats(batch: readonly Prepared[]): ReadonlyMap<Prepared, Prepared> {
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

/** Encodes a batch. With a key for the whole, its first event carries that. */
async function prepareBatch(
  batch: readonly Publication[],
  key: string | undefined,
  options: PrepareOptions,
): Promise<readonly Prepared[]> {
  const keyless = ({ idempotencyKey: _, ...rest }: Publication): Publication => rest;
  const all = await Promise.all(
    batch.map((one, i) => prepare(key === undefined ? one : keyless(one), i, options)),
  );
  const [first, ...others] = all;
  if (key === undefined || first === undefined) return all;
  checkKey("Cannot publish batch", key);
  const contents = all.map(({ wire }, index) => contentOf(wire, batch[index]!.hasTimestamp));
  const hash = await hashOf(contents);
  return [{ ...first, key, hash, others }, ...others];
}

async function prepare(
  { event, to, idempotencyKey, fresh = false, hasTimestamp = false }: Publication,
  index: number,
  { limits, targets }: PrepareOptions,
): Promise<Prepared> {
  const wire = toWire(event);
  const text = JSON.stringify(wire);
  const size = utf8Bytes(text);
  if (size > MAX_EVENT) {
    const message = `must be at most ${MAX_EVENT} bytes as JSON, got ${size}`;
    throw new StoreLimitError(
      `Cannot publish '${event.type}': an event ${message}`,
      [{ message, path: [index] }],
    );
  }
  if (idempotencyKey !== undefined) checkKey(`Cannot publish '${event.type}'`, idempotencyKey);
  const sessions = await sessionsOf(event, to, targets);
  const token = fresh ? undefined : crypto.randomUUID();
  const record = eventRecord({ id: event.id, wire, to, sessions, token }, MAX_DATE);
  const recordBytes = jsonBytes({ ...record, event: 0 }) - 1 + size;
  return {
    event,
    wire,
    to,
    sessions,
    token,
    key: idempotencyKey,
    hash: idempotencyKey === undefined ? "" : await hashOf(contentOf(wire, hasTimestamp)),
    chunks: recordBytes > limits.value ? split(text) : undefined,
    recordBytes,
  };
}

function checkKey(subject: string, key: unknown): void {
  if (typeof key === "string" && /^[ -~]{1,255}$/.test(key)) return;
  throw new EventValidationError(subject, [
    { message: "must be 1 to 255 printable ASCII characters", path: ["idempotencyKey"] },
  ]);
}

async function sessionsOf(
  event: HookEvent,
  to: readonly string[],
  targets: Targets,
): Promise<ReadonlyMap<string, string>> {
  const sessions = new Map<string, string>();
  for (const target of to) {
    const session = targets.sessionFor(target, event);
    if (session === undefined) continue;
    // The digest follows a control character, so that no session equals it.
    const isShort = utf8Bytes(session) <= MAX_SESSION;
    sessions.set(target, isShort ? session : `\u0001${await sha256Hex(session)}`);
  }
  return sessions;
}

/** Returns parts of a text whose JSON strings are at most `CHUNK` bytes each. */
function split(text: string): readonly string[] {
  const parts: string[] = [];
  for (let from = 0; from < text.length; from += parts.at(-1)!.length) {
    const rest = text.slice(from, from + CHUNK);
    parts.push(longestPrefix(rest, (prefix) => jsonBytes(prefix) <= CHUNK));
  }
  return parts;
}

async function hashOf(content: unknown): Promise<string> {
  return await sha256Hex(canonicalJson(content));
}

/** The latest date, in milliseconds: no time is longer in JSON. */
const MAX_DATE = 8_640_000_000_000_000;

/** The longest lease of a delivery that is stored with one. */
const LONGEST_LEASE: DueRecord = { v: VERSION, until: MAX_DATE, by: "x".repeat(36), claims: 1 };
const LEASE_BYTES = JSON.stringify(LONGEST_LEASE).length;

/** Returns the maximum size of a batch's commit: in new sessions, and with every delivery leased. */
function measure(batch: readonly Prepared[], layout: Layout): CommitSize {
  const [first, ...others] = batch;
  if (first && others.length === 0 && isPlain(first)) return measurePlain(first, layout);
  const commit = new CommitBuilder();
  const tails = new SessionTails(sessionNames(batch), layout);
  const due = LONGEST_LEASE;
  putPublication(commit, batch, { at: MAX_DATE, tails, lease: () => ({ due }), layout });
  return commit.measure();
}

/** Returns whether an event's commit contains only its record, due keys, and counts. */
function isPlain({ chunks, key, records, sessions, wire }: Prepared): boolean {
  return chunks === undefined && key === undefined && records === undefined &&
    sessions.size === 0 && decisionGroup(wire) === undefined;
}

/** Measures the commit of such an event without building it, which would take most of the time. */
function measurePlain({ event: { id }, to, recordBytes }: Prepared, { keys }: Layout): CommitSize {
  const event = keyBytes(keys.event(id));
  let written = event;
  for (const target of to) {
    written += keyBytes(keys.count(target, id, "accepted")) + keyBytes(keys.due(target, 0, id));
  }
  const values = recordBytes + to.length * (SUM_BYTES + LEASE_BYTES);
  const mutations = 1 + 2 * to.length;
  return { checks: 1, mutations, bytes: event + values + 2 * written, keys: written };
}

/**
 * Moves bodies to chunks until the rest fits one commit. Returns what it takes.
 *
 * @throws {StoreLimitError} when it doesn't fit
 */
function fitCommit(batch: readonly Prepared[], options: PrepareOptions): CommitSize {
  const { limits } = options;
  let size = measure(batch, options);
  if (fits(size, limits)) return size;
  const texts = new Map(batch.map((prepared) => [prepared, JSON.stringify(prepared.wire)]));
  const largestFirst = [...texts].sort(([, a], [, b]) => b.length - a.length);
  for (const [prepared, text] of largestFirst) {
    if (size.bytes <= limits.bytes) break;
    prepared.chunks ??= split(text);
    size = measure(batch, options);
  }
  if (fits(size, limits)) return size;
  for (const [index, prepared] of batch.entries()) {
    const most = maxTargets(prepared, options);
    if (most === prepared.to.length) continue;
    const rule =
      "an event and all of its deliveries are stored in one commit, and this store takes " +
      `${most} of them at most. Narrow the 'events' or 'filter' of these webhooks, or spread them ` +
      "over several outboxes";
    throw new StoreLimitError(
      `Cannot publish '${prepared.event.type}' to ${prepared.to.length} targets: ${rule}`,
      [{ message: `goes to ${prepared.to.length} targets: ${rule}`, path: [index] }],
    );
  }
  const message = `must fit one commit of the store: ${limits.checks} checks, ` +
    `${limits.mutations} changes, ${limits.bytes} bytes and ${KEYS_LIMIT} bytes of keys at most, ` +
    `got ${size.checks}, ${size.mutations}, ${size.bytes} and ${size.keys}`;
  throw new StoreLimitError(
    `Cannot publish ${batch.length} events at once: they ${message}. Publish fewer`,
    [{ message: `${message}. Send fewer events at once` }],
  );
}

/** Returns to how many of its targets an event can go in a commit of its own: usually all of them. */
function maxTargets(prepared: Prepared, options: PrepareOptions): number {
  const { to } = prepared;
  return largest(to.length, (count) => {
    const some = { ...prepared, to: to.slice(0, count) };
    return fits(measure([some], options), options.limits);
  });
}

/** Returns whether a small event and its deliveries to targets fit one commit. */
export function fitsTargets(
  to: readonly string[],
  options: Layout & Pick<PrepareOptions, "limits">,
): boolean {
  const wire = { id: crypto.randomUUID(), type: "event", timestamp: "", data: {} };
  const event = { ...wire, timestamp: new Date(0) };
  const rest = { sessions: new Map(), key: "key", hash: "x".repeat(64), token: event.id };
  const prepared = { event, wire, to, ...rest } as unknown as Prepared;
  return fits(measure([prepared], options), options.limits);
}

/**
 * Stores the bodies that no record can hold. They come first: until the event is stored, nothing refers to them.
 * Those of an event that is stored already are not overwritten.
 */
export async function storeChunks(
  batch: readonly Prepared[],
  client: StoreClient,
): Promise<void> {
  const { keys, retention } = client;
  for (const { event: { id }, token, chunks = [] } of batch) {
    if (chunks.length > 0 && token !== undefined) {
      const [record] = await client.get([keys.event(id)]);
      if (record!.versionstamp !== null) continue;
    }
    for (const [n, chunk] of chunks.entries()) {
      const builder = new CommitBuilder();
      builder.set(keys.chunk(id, n), chunk, retention.rest);
      const outcome = await client.commit(builder.commit, COMMIT_TIMEOUT, { failFast: true });
      if (outcome.ok === "unknown") throw new OutboxUnavailableError(false, outcome.cause);
    }
  }
}
