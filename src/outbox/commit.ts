import { KEYS_LIMIT, type StoreCheck, type StoreKey, type StoreLimits } from "../store/mod.ts";

/** A commit as data, so that the very same one can be sent again. */
export type Commit = {
  readonly checks: readonly StoreCheck[];
  readonly sums: readonly (readonly [key: StoreKey, by: bigint])[];
  readonly deletes: readonly StoreKey[];
  /** `expireIn` in milliseconds; undefined: never. */
  readonly sets:
    readonly (readonly [key: StoreKey, value: unknown, expireIn: number | undefined])[];
};

/** The size of a commit, by the store's limits. */
export type CommitSize = {
  readonly checks: number;
  readonly mutations: number;
  readonly bytes: number;
  /** Bytes of the keys that it writes. */
  readonly keys: number;
};

/** Bytes of a number that was summed. */
export const SUM_BYTES = 8;

/** Builds a commit. */
export class CommitBuilder {
  readonly #checks: StoreCheck[] = [];
  /** One mutation for each key, however often it is added to. */
  readonly #sums = new Map<string, [StoreKey, bigint]>();
  readonly #deletes: StoreKey[] = [];
  readonly #sets: Commit["sets"][number][] = [];
  /** Bytes of values, by their index in `#sets`, where they are known. */
  readonly #known = new Map<number, number>();

  /** The commit as it is now. */
  get commit(): Commit {
    return {
      checks: this.#checks,
      sums: [...this.#sums.values()],
      deletes: this.#deletes,
      sets: this.#sets,
    };
  }

  /** Requires that a key still has a versionstamp; `null`: that it isn't stored. */
  check(key: StoreKey, versionstamp: string | null): void {
    this.#checks.push({ key, versionstamp });
  }

  /** Adds to a number; a negative `by` subtracts, because sums wrap around. */
  sum(key: StoreKey, by = 1n): void {
    const name = JSON.stringify(key);
    const [, before] = this.#sums.get(name) ?? [key, 0n];
    this.#sums.set(name, [key, BigInt.asUintN(64, before + by)]);
  }

  /** Deletes a key. */
  delete(key: StoreKey): void {
    this.#deletes.push(key);
  }

  /**
   * Writes a value, which expires after `expireIn` milliseconds; undefined: never. `bytes` is its size as
   * JSON, if known: `measure` then doesn't encode it.
   */
  set(key: StoreKey, value: unknown, expireIn: number | undefined, bytes?: number): void {
    if (bytes !== undefined) this.#known.set(this.#sets.length, bytes);
    this.#sets.push([key, value, expireIn]);
  }

  /** Measures the commit as a store does: a key that is written with a value counts twice. */
  measure(): CommitSize {
    let keys = 0;
    let bytes = 0;
    for (const { key } of this.#checks) bytes += keyBytes(key);
    for (const key of this.#deletes) bytes += keyBytes(key);
    for (const [key] of this.#sums.values()) {
      keys += keyBytes(key);
      bytes += SUM_BYTES;
    }
    for (const [i, [key, value]] of this.#sets.entries()) {
      keys += keyBytes(key);
      bytes += this.#known.get(i) ?? jsonBytes(value);
    }
    return {
      checks: this.#checks.length,
      mutations: this.#sums.size + this.#deletes.length + this.#sets.length,
      bytes: bytes + 2 * keys,
      keys,
    };
  }
}

/** Adds up the sizes of several commits. One commit of all takes no more. */
export function addSizes(a: CommitSize, b: CommitSize): CommitSize {
  return {
    checks: a.checks + b.checks,
    mutations: a.mutations + b.mutations,
    bytes: a.bytes + b.bytes,
    keys: a.keys + b.keys,
  };
}

/** Returns whether a store takes a commit of this size. */
export function fits({ checks, mutations, bytes, keys }: CommitSize, limits: StoreLimits): boolean {
  return checks <= limits.checks && mutations <= limits.mutations && bytes <= limits.bytes &&
    keys <= KEYS_LIMIT;
}

/** Returns the bytes of a value as it is stored. */
export function jsonBytes(value: unknown): number {
  return utf8Bytes(JSON.stringify(value));
}

/** Returns the bytes of a text in UTF-8. */
export function utf8Bytes(text: string): number {
  return PRINTABLE.test(text) ? text.length : encoder.encode(text).length;
}

/** A byte each. */
const PRINTABLE = /^[ -~]*$/;

const encoder = new TextEncoder();

/** Returns the bytes of a key: each string's and two more, nine for a number. A zero in a string takes two. */
export function keyBytes(key: StoreKey): number {
  let bytes = 0;
  for (const part of key) {
    if (typeof part === "number") bytes += 9;
    else if (PRINTABLE.test(part)) bytes += 2 + part.length;
    else bytes += 2 + utf8Bytes(part.replaceAll("\0", "\0\0"));
  }
  return bytes;
}

/** How groups are formed and sent. */
type GroupCommitOptions<Item> = {
  /** Returns the items of the next commit, given those that wait and the number of commits in flight. None: wait. */
  readonly next: (waiting: ReadonlySet<Item>, inFlight: number) => readonly Item[];
  /** Sends a group. Never rejects. */
  readonly send: (group: readonly Item[]) => Promise<void>;
};

/** Sends items in groups: those that come while a commit is in flight share the next one. */
export class GroupCommit<Item> {
  readonly #options: GroupCommitOptions<Item>;
  readonly #waiting = new Set<Item>();
  #inFlight = 0;

  constructor(options: GroupCommitOptions<Item>) {
    this.#options = options;
  }

  /** Adds an item, and sends it as soon as it can be. */
  add(item: Item): void {
    this.#waiting.add(item);
    this.pump();
  }

  /** Takes an item back that was not sent yet. */
  remove(item: Item): void {
    this.#waiting.delete(item);
  }

  /** Sends what can be sent now. */
  pump(): void {
    while (this.#waiting.size > 0) {
      const group = this.#options.next(this.#waiting, this.#inFlight);
      if (group.length === 0) return;
      for (const item of group) this.#waiting.delete(item);
      void this.#send(group);
    }
  }

  async #send(group: readonly Item[]): Promise<void> {
    this.#inFlight++;
    await this.#options.send(group);
    this.#inFlight--;
    this.pump();
  }
}
