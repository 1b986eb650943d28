import type { ExportedEntry, StoredValue } from "../../store/mod.ts";
import { retryLocked } from "../../store/sqlite_failure.ts";
import { type Column, openDatabase, sqliteError } from "./database.ts";

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
