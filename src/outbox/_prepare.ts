import {
  EventValidationError,
  type HookEvent,
  type Publication,
  StoreLimitError,
  type StoreLimits,
  toWire,
  type WireEvent,
} from "../core/mod.ts";
import { laneOf } from "./_lanes.ts";
import type { Targets } from "./_targets.ts";
import { IdempotencyConflictError } from "./errors.ts";

/** Largest event, in bytes of its wire form. */
const MAX_EVENT = 256 * 1024;
/** Bytes of a chunk, as the JSON string that is stored. */
const CHUNK = 60_000;
/** Longest session of an ordered delivery, in bytes: a commit takes 80 KiB of keys that hold it. */
const MAX_SESSION = 256;
/** Room for an id in a list of them. */
const MAX_ID = 132;
/** Room for a head's other fields, or a due key and its value. */
const OVERHEAD = 512;

/** One publication, checked and encoded. */
export type Prepared = {
  readonly event: HookEvent;
  readonly wire: WireEvent;
  readonly to: readonly string[];
  /** The targets that get it in the order of its session, and the session. */
  readonly lanes: ReadonlyMap<string, string>;
  readonly key: string | undefined;
  /** SHA-256 of what was published, when there is a key. */
  readonly hash: string;
  /** The rest of its batch, when its key is that of the whole. */
  readonly others?: readonly Prepared[];
  /** The JSON in parts, when it is stored apart. */
  chunks: readonly string[] | undefined;
  /** Bytes of the event in its head. */
  readonly size: number;
};

/** Checks and encodes a publication. Nothing was written when this throws. */
async function prepare(
  { event, to, idempotencyKey }: Publication,
  limits: StoreLimits,
  targets: Targets,
): Promise<Prepared> {
  const wire = toWire(event);
  const text = JSON.stringify(wire);
  const size = byteLength(text);
  if (size > MAX_EVENT) {
    throw new StoreLimitError(
      `Cannot publish '${event.type}' as an event must be at most ${MAX_EVENT} bytes: ` +
        `current size is ${size}`,
    );
  }
  if (idempotencyKey !== undefined) checkKey(`Cannot publish '${event.type}'`, idempotencyKey);
  const large = size + OVERHEAD + 70 * to.length > limits.value;
  return {
    event,
    wire,
    to,
    lanes: lanesOf(event, to, targets),
    key: idempotencyKey,
    hash: idempotencyKey === undefined ? "" : await hashOf(contentOf(wire)),
    chunks: large ? split(text) : undefined,
    size,
  };
}

/** Checks and encodes a batch, which may have one key as a whole: then its first event carries that. */
export async function prepareBatch(
  batch: readonly Publication[],
  key: string | undefined,
  limits: StoreLimits,
  targets: Targets,
): Promise<readonly Prepared[]> {
  const keyless = ({ event, to }: Publication): Publication => ({ event, to });
  const all = await Promise.all(
    batch.map((one) => prepare(key === undefined ? one : keyless(one), limits, targets)),
  );
  const [first, ...others] = all;
  if (key === undefined || first === undefined) return all;
  checkKey("Cannot publish a batch", key);
  const hash = await hashOf(all.map(({ wire }) => contentOf(wire)));
  return [{ ...first, key, hash, others }, ...others];
}

function checkKey(subject: string, key: string): void {
  if (/^[ -~]{1,255}$/.test(key)) return;
  throw new EventValidationError(subject, [
    { message: "must be 1 to 255 printable ASCII characters", path: ["idempotencyKey"] },
  ]);
}

function lanesOf(
  event: HookEvent,
  to: readonly string[],
  targets: Targets,
): ReadonlyMap<string, string> {
  const lanes = new Map<string, string>();
  for (const target of to) {
    const session = laneOf(targets, target, event);
    if (session !== undefined) lanes.set(target, session);
  }
  const size = lanes.size > 0 ? byteLength(event.sessionId!) : 0;
  if (size > MAX_SESSION) {
    throw new StoreLimitError(
      `Cannot publish '${event.type}' in order as its session must be at most ${MAX_SESSION} bytes: ` +
        `current size is ${size}`,
    );
  }
  return lanes;
}

/** The different lanes that some events go to. */
export function lanesIn(batch: readonly Prepared[]): readonly (readonly [string, string])[] {
  const lanes = new Map<string, readonly [string, string]>();
  for (const prepared of batch) {
    for (const lane of prepared.lanes) lanes.set(JSON.stringify(lane), lane);
  }
  return [...lanes.values()];
}

/**
 * Which publications of a batch repeat an earlier one under the same key.
 *
 * @throws {IdempotencyConflictError} when a key stands for two events
 */
export function findRepeats(batch: readonly Prepared[]): ReadonlyMap<Prepared, Prepared> {
  const originals = new Map<string, Prepared>();
  const repeats = new Map<Prepared, Prepared>();
  for (const prepared of batch) {
    if (prepared.key === undefined) continue;
    const original = originals.get(prepared.key);
    if (original === undefined) originals.set(prepared.key, prepared);
    else if (original.hash === prepared.hash) repeats.set(prepared, original);
    else throw new IdempotencyConflictError();
  }
  return repeats;
}

/** Stores bodies apart until what stays fits one commit. */
export function fitIntoCommit(batch: readonly Prepared[], limits: StoreLimits): void {
  const keyed = batch.filter(({ key }) => key !== undefined).length;
  const lanes = lanesIn(batch).length;
  if (keyed + lanes > limits.checks - 1) {
    throw new StoreLimitError(
      `Cannot publish a batch with ${keyed} idempotency keys and ${lanes} ordered sessions as a ` +
        `commit has room for ${limits.checks - 1}`,
    );
  }
  const largestFirst = [...batch].sort((a, b) => b.size - a.size);
  for (const prepared of largestFirst) {
    if (sizeOf(batch) <= limits.bytes) return;
    prepared.chunks ??= split(JSON.stringify(prepared.wire));
  }
  const mutations = mutationsOf(batch);
  if (mutations > limits.mutations || sizeOf(batch) > limits.bytes) {
    throw new StoreLimitError(
      `Cannot publish a batch of ${batch.length} events as a commit has ${limits.mutations} changes ` +
        `and ${limits.bytes} bytes at most: current values are ${mutations} and ${sizeOf(batch)}`,
    );
  }
}

/** Bytes of the heads and due keys of some events, at most. */
export function sizeOf(batch: readonly Prepared[]): number {
  let bytes = 0;
  for (const { size, chunks, to, lanes, others = [] } of batch) {
    bytes += (chunks ? 0 : size) + OVERHEAD * (1 + to.length) + MAX_ID * others.length +
      lanes.size * (2 * OVERHEAD + 3 * MAX_SESSION);
  }
  return bytes;
}

/** Changes of a commit that stores some events, at most. */
export function mutationsOf(batch: readonly Prepared[]): number {
  let mutations = 0;
  for (const { to, lanes, key } of batch) {
    mutations += 1 + 2 * to.length + 2 * lanes.size + (key === undefined ? 0 : 1);
  }
  return mutations;
}

/** Parts of a text whose JSON strings are `CHUNK` bytes each, at most. */
function split(text: string): readonly string[] {
  const parts: string[] = [];
  for (let from = 0; from < text.length;) {
    let length = Math.min(CHUNK, text.length - from);
    while (byteLength(JSON.stringify(text.slice(from, from + length))) > CHUNK) {
      length = Math.floor(length * 0.8);
    }
    parts.push(text.slice(from, from + length));
    from += length;
  }
  return parts;
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** What makes two publications under one key the same: type, session and data as given. */
function contentOf({ type, session_id = "", data }: WireEvent): unknown {
  return [type, session_id, data];
}

async function hashOf(content: unknown): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(content));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
