import type { Database, Statement } from "./database.ts";

/** The statements of a store, prepared once. */
export type Statements = ReturnType<typeof prepareStatements>;

/** Condition of a row that hasn't expired at the time `?`, in milliseconds since 1970. */
const ALIVE = "(x IS NULL OR x > ?)";

/** Prepares the statements of a store. */
export function prepareStatements(database: Database) {
  const sql = (text: string): Statement => database.prepare(text);
  const range = `SELECT k, v, s FROM kv WHERE k >= ? AND k < ? AND ${ALIVE} ORDER BY k`;
  const reads: Statement[] = [];
  return {
    beginImmediate: sql("BEGIN IMMEDIATE"),
    commit: sql("COMMIT"),
    readStamp: sql("SELECT stamp FROM meta"),
    writeStamp: sql("UPDATE meta SET stamp = ?"),
    stampOf: sql(`SELECT s FROM kv WHERE k = ? AND ${ALIVE}`),
    valueOf: sql(`SELECT v FROM kv WHERE k = ? AND ${ALIVE}`),
    write: sql(
      "INSERT INTO kv (k, s, x, v) VALUES (?, ?, ?, ?) " +
        "ON CONFLICT (k) DO UPDATE SET s = excluded.s, x = excluded.x, v = excluded.v",
    ),
    remove: sql("DELETE FROM kv WHERE k = ?"),
    ascending: sql(`${range} LIMIT ?`),
    descending: sql(`${range} DESC LIMIT ?`),
    pageEnd: sql("SELECT max(k) AS k FROM (SELECT k FROM kv WHERE k > ? ORDER BY k LIMIT ?)"),
    removeExpired: sql("DELETE FROM kv WHERE k > ? AND k <= ? AND x <= ?"),
    /** Reads this many keys at one moment, given before the time; `at` is the index of a row's key. */
    read: (count: number): Statement => reads[count] ??= sql(readMany(count)),
  };
}

/** `CROSS JOIN` makes SQLite look up each key, and not each row of the table. */
function readMany(count: number): string {
  const keys = Array.from({ length: count }, (_, at) => `(${at}, ?)`);
  return `WITH keys(at, id) AS (VALUES ${keys}) ` +
    `SELECT at, v, s FROM keys CROSS JOIN kv ON k = id WHERE ${ALIVE}`;
}

/** Returns an encoded key as bytes. */
export function toBytes(id: string): Uint8Array {
  const bytes = new Uint8Array(id.length);
  for (let i = 0; i < id.length; i++) bytes[i] = id.charCodeAt(i);
  return bytes;
}

/** Returns the encoded key of bytes: at most 2048, so they can be arguments. */
export function toId(bytes: Uint8Array): string {
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}
