/**
 * What requests of KV Connect say, and the limits that denokv holds them to.
 * @module
 */
import { type Check, type Mutation, type Range, RequestError } from "./database.ts";
import { Message } from "./wire.ts";

const LIMITS = {
  ranges: 10,
  entries: 1000,
  checks: 10,
  mutations: 1000,
  writtenKey: 2048,
  /** The end of a range is a byte longer than the key before it. */
  readKey: 2049,
  value: 65_536,
  /** Keys and values of a commit together, those of checks included. */
  bytes: 819_200,
};
const MUTATIONS = { 1: "set", 2: "delete", 3: "sum" } as const;
const ENCODINGS = { v8: 1, u64: 2, bytes: 3 };
const VERSIONSTAMP = 10;

/** The ranges of a read. @throws {RequestError} */
export function readRanges(body: Uint8Array): readonly Range[] {
  const ranges = decode(body).messages(1).map((range) => ({
    start: range.bytes(1),
    end: range.bytes(2),
    limit: range.number(3),
    reverse: range.number(4) === 1,
  }));
  atMost("ranges", ranges.length, LIMITS.ranges);
  for (const { start, end, limit } of ranges) {
    if (limit < 1) throw new RequestError(`A range with the limit ${limit}`);
    atMost("bytes of a key", Math.max(start.length, end.length), LIMITS.readKey);
  }
  atMost("entries", ranges.reduce((sum, { limit }) => sum + limit, 0), LIMITS.entries);
  return ranges;
}

/** The checks and changes of a commit. @throws {RequestError} */
export function readCommit(body: Uint8Array): {
  readonly checks: readonly Check[];
  readonly mutations: readonly Mutation[];
} {
  const commit = decode(body);
  if (commit.messages(3).length > 0) throw new RequestError("Queues are not supported");
  const checks = commit.messages(1).map(readCheck);
  atMost("checks", checks.length, LIMITS.checks);
  const messages = commit.messages(2);
  atMost("mutations", messages.length, LIMITS.mutations);
  const mutations = messages.map(readMutation);
  const lengths = [...checks, ...mutations].map((part) =>
    part.key.length + ("data" in part ? part.data.length : 0)
  );
  atMost("bytes", lengths.reduce((sum, length) => sum + length, 0), LIMITS.bytes);
  return { checks, mutations };
}

function readCheck(check: Message): Check {
  const [key, versionstamp] = [check.bytes(1), check.bytes(2)];
  atMost("bytes of a key", key.length, LIMITS.readKey);
  if (versionstamp.length !== 0 && versionstamp.length !== VERSIONSTAMP) {
    throw new RequestError(`A versionstamp of ${versionstamp.length} bytes`);
  }
  return { key, versionstamp: versionstamp.toHex() };
}

function readMutation(mutation: Message): Mutation {
  const key = mutation.bytes(1);
  const type = MUTATIONS[mutation.number(3) as keyof typeof MUTATIONS];
  const value = mutation.messages(2).at(-1);
  if (type === undefined || (value === undefined && type !== "delete")) {
    throw new RequestError(`A mutation of type ${mutation.number(3)}, or one without its value`);
  }
  const [data, encoding] = [value?.bytes(1) ?? new Uint8Array(), value?.number(2) ?? 0];
  atMost("bytes of a key", key.length, LIMITS.writtenKey);
  atMost("bytes of a value", data.length, LIMITS.value);
  if (type === "sum" && encoding !== ENCODINGS.u64) throw new RequestError("A sum of no number");
  if (type === "set" && !Object.values(ENCODINGS).includes(encoding)) {
    throw new RequestError(`A value of the encoding ${encoding}`, 500);
  }
  return { type, key, data, encoding, expiresAt: mutation.number(4) };
}

function decode(body: Uint8Array): Message {
  try {
    return new Message(body);
  } catch (error) {
    throw new RequestError((error as Error).message);
  }
}

function atMost(what: string, found: number, limit: number): void {
  if (found > limit) throw new RequestError(`${found} ${what}, at most ${limit}`);
}
