/**
 * What a file holds, and its entries: what `hooks serve` and `hooks store copy` need to know of it.
 *
 * @module
 */
import type { ExportedEntry, StoredValue } from "../../store/mod.ts";
import { retryLocked } from "../../store/sqlite_failure.ts";
import { type Column, openDatabase, sqliteError } from "./database.ts";
import { APPLICATION_ID } from "./schema.ts";

/**
 * The kind of a file.
 *
 * - `"none"`: it doesn't exist, or is empty
 * - `"hooks"`: a store of `./sqlite`
 * - `"deno-kv"`: a database of Deno KV; without SQLite in the runtime, any other SQLite database
 * - `"other"`: anything else
 */
type FileFormat = "none" | "hooks" | "deno-kv" | "other";

/** The first bytes of every SQLite database (SQLite, "Database File Format", 1.3). */
const MAGIC = "SQLite format 3\0";
/** The offset of the application id, a big-endian number, and the end of the header that is read. */
const ID = { from: 68, to: 72 };

/**
 * Returns the kind of a file, by its contents. Changes only the log of a database: SQLite moves it into the
 * file.
 *
 * @throws {StoreError} when the file can't be read
 */
export async function readFileFormat(path: string): Promise<FileFormat> {
  try {
    const head = await readHead(path);
    if (head.length === 0) return "none";
    if (String.fromCharCode(...head.subarray(0, MAGIC.length)) !== MAGIC) return "other";
    const id = new DataView(head.buffer, head.byteOffset);
    if (head.length >= ID.to && id.getUint32(ID.from) === APPLICATION_ID) return "hooks";
    if (!hasSqlite()) return "deno-kv";
    // The tables of a process that was killed may be in the log alone, which only SQLite reads.
    // deno-lint-ignore require-await -- what it throws becomes a rejection
    return await retryLocked(async () => readTables(path));
  } catch (error) {
    throw sqliteError("read the store's file", error);
  }
}

/** Returns whether the runtime has an SQLite that `openStore` can use. */
export function hasSqlite(): boolean {
  try {
    openDatabase(":memory:").close();
    return true;
  } catch {
    return false;
  }
}

async function readHead(path: string): Promise<Uint8Array> {
  const { open } = await import("node:fs/promises");
  try {
    const file = await open(path, "r");
    try {
      const { buffer, bytesRead } = await file.read(new Uint8Array(ID.to), 0, ID.to, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as { readonly code?: unknown }).code === "ENOENT") return new Uint8Array();
    throw error;
  }
}

function readTables(path: string): FileFormat {
  const database = openDatabase(path);
  try {
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all()
      .map(({ name }) => name);
    if (tables.length === 0) return "none";
    return tables.includes("data_version") && tables.includes("kv") ? "deno-kv" : "other";
  } finally {
    database.close();
  }
}

/** Rows that are read at once: at most 32 MiB, as a value has 64 KiB. */
const PAGE = 500;

type Row = Readonly<Record<string, Column>>;

/** How a format stores entries: `after` selects a page behind a key, `contentOf` decodes a row. */
type Layout = {
  readonly after: string;
  /** Returns undefined for a value that no store of this package wrote. */
  readonly contentOf: (row: Row) => StoredValue | undefined;
};

const layouts: Readonly<Record<"hooks" | "deno-kv", Layout>> = {
  hooks: {
    after: "SELECT k, v, x FROM kv WHERE k > ? AND (x IS NULL OR x > ?) ORDER BY k LIMIT ?",
    contentOf: ({ v }) => typeof v === "string" ? BigInt(v) : v as Uint8Array,
  },
  // The tables of denokv 0.13 (denokv_sqlite, "migrations"): encoding 2 is a number, 3 are bytes.
  "deno-kv": {
    after: "SELECT k, v, v_encoding AS encoding, nullif(expiration_ms, -1) AS x FROM kv " +
      "WHERE k > ? AND (x IS NULL OR x > ?) ORDER BY k LIMIT ?",
    contentOf({ v, encoding }) {
      const bytes = v as Uint8Array;
      if (encoding === 3) return bytes;
      if (encoding !== 2) return undefined;
      return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
    },
  },
};

/**
 * Reads all entries of a file with their lifetimes, in pages. Entries that no store of this package wrote
 * have no content.
 *
 * @throws {StoreError} when the file can't be read
 */
export async function* readFileEntries(
  path: string,
  format: "hooks" | "deno-kv",
): AsyncGenerator<readonly (ExportedEntry | undefined)[], void> {
  const { after, contentOf } = layouts[format];
  try {
    const database = openDatabase(path);
    try {
      const statement = database.prepare(after);
      for (let last: Uint8Array = new Uint8Array();;) {
        const now = Date.now();
        // deno-lint-ignore require-await -- what it throws becomes a rejection
        const rows = await retryLocked(async () => statement.all(last, now, PAGE));
        if (rows.length === 0) return;
        yield rows.map((row) => {
          const content = contentOf(row);
          const expireIn = row["x"] === null ? undefined : row["x"] as number - now;
          return content === undefined
            ? undefined
            : { id: String.fromCharCode(...row["k"] as Uint8Array), content, expireIn };
        });
        last = rows.at(-1)!["k"] as Uint8Array;
      }
    } finally {
      database.close();
    }
  } catch (error) {
    throw sqliteError("read the store", error);
  }
}
