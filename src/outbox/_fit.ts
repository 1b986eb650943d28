import { StoreLimitError, type StoreLimits } from "../store/mod.ts";
import { byteLength, lanesIn, type Prepared, split } from "./_prepare.ts";

/** Bytes that the keys of a commit may take: Deno KV's limit, less some room for the first check. */
const MAX_KEYS = 81_920 - 512;
/** Room for a head's other fields, or a due key's value. */
const OVERHEAD = 512;
/** Room for an id in a list of them. */
const MAX_ID = 132;

/** What a commit may hold, and what its keys begin with. */
export type Room = StoreLimits & {
  /** Bytes of the prefix in a key. */
  readonly prefix: number;
};

/** What some events take of a commit, at most. */
export type Share = {
  readonly mutations: number;
  readonly bytes: number;
  readonly keys: number;
  readonly checks: number;
};

/** Stores bodies apart until what stays fits one commit. */
export function fitIntoCommit(batch: readonly Prepared[], room: Room): void {
  const largestFirst = [...batch].sort((a, b) => b.size - a.size);
  for (const prepared of largestFirst) {
    if (shareOf(batch, room).bytes <= room.bytes) break;
    prepared.chunks ??= split(JSON.stringify(prepared.wire));
  }
  const share = shareOf(batch, room);
  if (fits(share, room)) return;
  for (const [index, prepared] of batch.entries()) {
    const most = mostTargets(prepared, room);
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
  const message = `must fit one commit of the store: ${room.checks} checks, ${room.mutations} ` +
    `changes, ${room.bytes} bytes and ${MAX_KEYS} bytes of keys at most, got ${share.checks}, ` +
    `${share.mutations}, ${share.bytes} and ${share.keys}`;
  throw new StoreLimitError(
    `Cannot publish ${batch.length} events at once: they ${message}. Publish fewer`,
    [{ message: `${message}. Send fewer events at once` }],
  );
}

/** To how many of its targets an event can go in a commit of its own: all of them, most of the time. */
function mostTargets(prepared: Prepared, room: Room): number {
  const { to } = prepared;
  const isFine = (count: number): boolean =>
    fits(shareOf([{ ...prepared, to: to.slice(0, count) }], room), room);
  if (isFine(to.length)) return to.length;
  let [least, most] = [0, to.length];
  while (most - least > 1) {
    const half = (least + most) >> 1;
    if (isFine(half)) least = half;
    else most = half;
  }
  return least;
}

/** Whether a commit has room. */
export function fits({ mutations, bytes, keys, checks }: Share, room: Room): boolean {
  return mutations <= room.mutations && bytes <= room.bytes && keys <= MAX_KEYS &&
    checks <= room.checks;
}

/** What some events take of one commit. */
export function shareOf(batch: readonly Prepared[], room: Room): Share {
  const lanes = lanesIn(batch).length;
  // A count is one change, for all events of a target that were made on one day: two, about midnight.
  const counts = new Set(batch.flatMap(({ to }) => to)).size * (batch.length > 1 ? 2 : 1);
  let mutations = counts + 2 * lanes;
  let checks = 1 + lanes;
  let bytes = 0;
  let keys = 0;
  for (const [n, prepared] of batch.entries()) {
    const { to, lanes, key, token, size, chunks, others = [] } = prepared;
    // The first event is checked anyway.
    const guards = (key === undefined ? 0 : 1) + (token === undefined || n === 0 ? 0 : 1);
    checks += guards;
    mutations += 1 + to.length + (key === undefined ? 0 : 1);
    const own = keyBytesOf(prepared, room.prefix);
    keys += own;
    bytes += (chunks ? 0 : size) + OVERHEAD * (1 + to.length + 2 * lanes.size + guards) +
      MAX_ID * others.length + own;
  }
  return { mutations, bytes, keys, checks };
}

/** Bytes of an event's keys: each text with two more, each number nine. */
function keyBytesOf({ event, to, lanes, key, token }: Prepared, prefix: number): number {
  const id = byteLength(event.id);
  const head = prefix + 7 + id;
  let bytes = head * (token === undefined ? 1 : 2);
  if (key !== undefined) bytes += 2 * (prefix + 10 + key.length);
  for (const target of to) bytes += 2 * (prefix + target.length) + id + 48;
  for (const [target, session] of lanes) {
    bytes += 4 * (prefix + target.length + byteLength(session) + 32);
  }
  return bytes;
}
