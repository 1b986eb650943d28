/**
 * The tables of a store in SQLite, and the statements over them.
 *
 * @module
 */
import type { Database, Statement } from "./database.ts";

/** Marks a file as a store of this package: the letters `hook`. */
export const APPLICATION_ID = 0x686f6f6b;
/** The layout below. A file of a later version isn't opened. */
const VERSION = 1;

/**
 * - `k`: the encoded key, which sorts as bytes
 * - `s`: the versionstamp of the commit that wrote it
 * - `x`: when it expires, in milliseconds since 1970. Not indexed: most writes would move an index entry
 * - `v`: JSON as a blob of UTF-8, or a number that `sum` made as text. The last column, because a long
 *   value continues on other pages
 */
const SCHEMA = `
  CREATE TABLE kv (k BLOB PRIMARY KEY, s INTEGER NOT NULL, x INTEGER, v ANY NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE meta (stamp INTEGER NOT NULL) STRICT;
  INSERT INTO meta VALUES (0);
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${VERSION};
`;

/**
 * Creates the tables in a new file, and checks those of an existing one.
 *
 * @throws {TypeError} when the file is another program's, or a later version's
 */
export function prepareSchema(database: Database): void {
  database.exec("BEGIN IMMEDIATE"); // another process may be creating it
  try {
    if (isEmpty(database)) database.exec(SCHEMA);
    else checkSchema(database);
    database.exec("COMMIT");
  } catch (error) {
    rollBack(database);
    throw error;
  }
}

/** Rolls back. After some errors SQLite has done so by itself, and then refuses to. */
export function rollBack(database: Database): void {
  try {
    database.exec("ROLLBACK");
  } catch {
    // The error that led here says what is wrong.
  }
}

function isEmpty(database: Database): boolean {
  return pragma(database, "application_id") === 0 &&
    database.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() == null;
}

function checkSchema(database: Database): void {
  const id = pragma(database, "application_id");
  const version = pragma(database, "user_version");
  if (id !== APPLICATION_ID) {
    const isKv = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'data_version'").get();
    throw new TypeError(
      isKv == null
        ? "Cannot open store: the file is an SQLite database of another program. Choose another path"
        : "Cannot open store: the file belongs to Deno KV. Open it with './kv' or './node', or choose " +
          "another path",
    );
  }
  if (version === VERSION) return;
  const advice = Number(version) > VERSION
    ? "Update the package"
    : "Restore the file from a backup, or choose another path";
  throw new TypeError(
    `Cannot open store: the file has version ${version} of the layout, and this package reads ` +
      `version ${VERSION}. ${advice}`,
  );
}

function pragma(database: Database, name: string): unknown {
  return database.prepare(`PRAGMA ${name}`).get()?.[name];
}

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

/** Returns the query for keys. `CROSS JOIN` makes SQLite look up each key, and not each row of the table. */
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
  return Reflect.apply(String.fromCharCode, null, bytes);
}
