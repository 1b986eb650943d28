/**
 * What a KV Connect server keeps, by the bytes of the keys.
 * @module
 */

/** The value of a key. `encoding` is the wire's: 1 V8, 2 a 64-bit number, 3 bytes. */
interface Row {
  readonly key: Uint8Array;
  readonly data: Uint8Array;
  readonly encoding: number;
  readonly versionstamp: string;
  /** In milliseconds since 1970; 0: never. */
  readonly expiresAt: number;
}

/** A range of keys. */
export interface Range {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
  readonly limit: number;
  readonly reverse: boolean;
}

/** Asks for a versionstamp; empty: that nothing is there. */
export interface Check {
  readonly key: Uint8Array;
  readonly versionstamp: string;
}

/** A change. */
export interface Mutation {
  readonly type: "set" | "delete" | "sum";
  readonly key: Uint8Array;
  readonly data: Uint8Array;
  readonly encoding: number;
  readonly expiresAt: number;
}

/** What the client should not have sent. */
export class RequestError extends Error {
  constructor(message: string, readonly status: number = 400) {
    super(message);
  }
}

const SUM = 2;
/** How long after its time a row is still there at most, in milliseconds. */
const SWEEP_EVERY = 60_000;
/** Versionstamps are further apart than one, by up to so many. */
const LONGEST_STRIDE = 9;

/** Rows in the order of their keys. Those whose time is over stay until the next sweep, as in denokv. */
export class Database {
  readonly #rows = new Map<string, Row>();
  readonly #keys: string[] = [];
  #version = 0;
  #sweepAt = Date.now() + SWEEP_EVERY;

  read({ start, end, limit, reverse }: Range): Row[] {
    this.#sweep();
    const [first, last] = [this.#indexOf(start.toHex()), this.#indexOf(end.toHex())];
    const found: Row[] = [];
    for (let i = 0; i < last - first && found.length < limit; i++) {
      const row = this.#rows.get(this.#keys[reverse ? last - 1 - i : first + i]!);
      if (row !== undefined) found.push(row);
    }
    return found;
  }

  /** The versionstamp; undefined when a check fails. */
  write(checks: readonly Check[], mutations: readonly Mutation[]): string | undefined {
    this.#sweep();
    for (const { key, versionstamp } of checks) {
      if ((this.#rows.get(key.toHex())?.versionstamp ?? "") !== versionstamp) return undefined;
    }
    this.#version += 1 + Math.floor(LONGEST_STRIDE * Math.random());
    const versionstamp = `${this.#version.toString(16).padStart(16, "0")}0000`;
    // In their order: a sum that fails leaves applied what went before it.
    for (const { type, key, data, encoding, expiresAt } of mutations) {
      const id = key.toHex();
      if (type === "delete") this.#put(id, undefined);
      else if (type === "set") this.#put(id, { key, data, encoding, versionstamp, expiresAt });
      else {
        const sum = add(this.#rows.get(id), data);
        this.#put(id, { key, data: sum, encoding: SUM, versionstamp, expiresAt: 0 });
      }
    }
    return versionstamp;
  }

  #sweep(): void {
    const now = Date.now();
    if (now < this.#sweepAt) return;
    this.#sweepAt = now + SWEEP_EVERY;
    for (const [id, { expiresAt }] of this.#rows) {
      if (expiresAt > 0 && expiresAt <= now) this.#put(id, undefined);
    }
  }

  #put(id: string, row: Row | undefined): void {
    if (row === undefined) {
      if (this.#rows.delete(id)) this.#keys.splice(this.#indexOf(id), 1);
      return;
    }
    if (!this.#rows.has(id)) this.#keys.splice(this.#indexOf(id), 0, id);
    this.#rows.set(id, row);
  }

  /** The index of a key, or where it would be inserted. */
  #indexOf(id: string): number {
    let [low, high] = [0, this.#keys.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#keys[middle]! < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function add(row: Row | undefined, addend: Uint8Array): Uint8Array {
  if (row !== undefined && row.encoding !== SUM) {
    throw new RequestError("Failed to perform 'sum' mutation on a non-U64 value in the database");
  }
  const read = (bytes: Uint8Array) =>
    new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (addend.length !== 8) throw new RequestError(`A number of ${addend.length} bytes`);
  const sum = new Uint8Array(8);
  const total = (row === undefined ? 0n : read(row.data)) + read(addend);
  new DataView(sum.buffer).setBigUint64(0, total, true); // keeps the lower 64 bits
  return sum;
}
