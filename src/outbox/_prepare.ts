import { canonicalJson } from "../internal/json_text.ts";
import { sha256Hex } from "../internal/crypto.ts";
import {
  EventValidationError,
  type HookEvent,
  type Publication,
  toWire,
  type WireEvent,
} from "../core/mod.ts";
import { StoreLimitError, type StoreLimits } from "../store/mod.ts";
import { laneOf } from "./_lanes.ts";
import type { Targets } from "./_targets.ts";
import { IdempotencyConflictError } from "./errors.ts";

/** Largest event, in bytes of its wire form. */
const MAX_EVENT = 256 * 1024;
/** Bytes of a chunk, as the JSON string that is stored. */
const CHUNK = 60_000;
/** Longest text that stands for a session in keys, in bytes: a commit takes 80 KiB of them. */
const MAX_LANE = 256;
/** Room for the other fields of a head. */
const OVERHEAD = 512;

/** One publication, checked and encoded. */
export type Prepared = {
  readonly event: HookEvent;
  readonly wire: WireEvent;
  readonly to: readonly string[];
  /** The targets that get it in the order of its session, and what stands for that in keys. */
  readonly lanes: ReadonlyMap<string, string>;
  readonly key: string | undefined;
  /**
   * Written into its head, to know it by: it may be stored already, by somebody else. Undefined: its id was
   * made for it, and stands in no store.
   */
  readonly token: string | undefined;
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
  { event, to, idempotencyKey, fresh = false, hasTimestamp = false }: Publication,
  limits: StoreLimits,
  targets: Targets,
  index: number,
): Promise<Prepared> {
  const wire = toWire(event);
  const text = JSON.stringify(wire);
  const size = byteLength(text);
  if (size > MAX_EVENT) {
    const message = `must be at most ${MAX_EVENT} bytes as JSON, got ${size}`;
    throw new StoreLimitError(
      `Cannot publish '${event.type}': an event ${message}`,
      [{ message, path: [index] }],
    );
  }
  if (idempotencyKey !== undefined) checkKey(`Cannot publish '${event.type}'`, idempotencyKey);
  const large = size + OVERHEAD + 70 * to.length > limits.value;
  return {
    event,
    wire,
    to,
    lanes: await lanesOf(event, to, targets),
    key: idempotencyKey,
    token: fresh ? undefined : crypto.randomUUID(),
    hash: idempotencyKey === undefined ? "" : await hashOf(contentOf(wire, hasTimestamp)),
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
  const keyless = ({ idempotencyKey: _, ...rest }: Publication): Publication => rest;
  const all = await Promise.all(
    batch.map((one, index) =>
      prepare(key === undefined ? one : keyless(one), limits, targets, index)
    ),
  );
  const [first, ...others] = all;
  if (key === undefined || first === undefined) return all;
  checkKey("Cannot publish a batch", key);
  const contents = all.map(({ wire }, index) => contentOf(wire, batch[index]!.hasTimestamp));
  const hash = await hashOf(contents);
  return [{ ...first, key, hash, others }, ...others];
}

function checkKey(subject: string, key: unknown): void {
  if (typeof key === "string" && /^[ -~]{1,255}$/.test(key)) return;
  throw new EventValidationError(subject, [
    { message: "must be 1 to 255 printable ASCII characters", path: ["idempotencyKey"] },
  ]);
}

async function lanesOf(
  event: HookEvent,
  to: readonly string[],
  targets: Targets,
): Promise<ReadonlyMap<string, string>> {
  const lanes = new Map<string, string>();
  for (const target of to) {
    const session = laneOf(targets, target, event);
    if (session !== undefined) lanes.set(target, await laneName(session));
  }
  return lanes;
}

/**
 * The form of a session in keys: itself, or a digest with a control character, so that no session
 * equals it.
 */
async function laneName(session: string): Promise<string> {
  return byteLength(session) <= MAX_LANE ? session : `\u0001${await sha256Hex(session)}`;
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
 * Which publications of a batch repeat an earlier one: under the same key, or of the same event.
 *
 * @throws {IdempotencyConflictError} when a key or an id is that of two different events
 */
export function findRepeats(batch: readonly Prepared[]): ReadonlyMap<Prepared, Prepared> {
  const originals = new Map<string, Prepared>();
  const repeats = new Map<Prepared, Prepared>();
  for (const prepared of batch) {
    const name = prepared.key === undefined ? `id ${prepared.event.id}` : `key ${prepared.key}`;
    const original = originals.get(name);
    if (original === undefined) originals.set(name, prepared);
    else if (
      prepared.key === undefined
        ? isSame(original.wire, prepared.wire)
        : original.hash === prepared.hash
    ) {
      repeats.set(prepared, original);
    } else throw new IdempotencyConflictError(prepared.key === undefined ? "event id" : undefined);
  }
  return repeats;
}

/** Parts of a text whose JSON strings are `CHUNK` bytes each, at most. */
export function split(text: string): readonly string[] {
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

export function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** Whether two events under one id are the same, whatever the order of their keys. */
export function isSame(a: WireEvent, b: WireEvent): boolean {
  return canonicalJson(contentOf(a)) === canonicalJson(contentOf(b));
}

/** What makes two publications under one key or id the same. */
function contentOf(
  { type, session_id, data, timestamp }: WireEvent,
  hasTimestamp = false,
): unknown {
  return [type, session_id ?? "", data, ...(hasTimestamp ? [timestamp] : [])];
}

/** Returns the SHA-256 of JSON in its canonical form. */
async function hashOf(content: unknown): Promise<string> {
  return await sha256Hex(canonicalJson(content));
}
