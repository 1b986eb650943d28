import { retryLocked } from "../../store/sqlite_failure.ts";
import { openDatabase, sqliteError } from "./database.ts";
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
