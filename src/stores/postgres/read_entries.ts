import type { ExportedEntry } from "../../store/mod.ts";
import { type PostgresClient, type PostgresRow, queryOf } from "./client.ts";
import { postgresError } from "./postgres_error.ts";
import { DEFAULT_SCHEMA } from "./schema.ts";

/** Rows that are read at once: at most 32 MiB, as a value has 64 KiB. */
const PAGE = 500;

const SQL = `select encode(e.key, 'hex') as key, e.value,
    (select (sum(n.value) % 18446744073709551616)::text from "${DEFAULT_SCHEMA}".sums n
      where n.key = e.key and e.value is null) as number,
    ceil(extract(epoch from e.expires_at - clock_timestamp()) * 1000)::text as expire_in
  from "${DEFAULT_SCHEMA}".entries e
  where e.key > decode($1::text, 'hex') and (e.expires_at is null or e.expires_at > clock_timestamp())
  order by e.key limit ${PAGE}`;

/**
 * Reads all entries of a `PostgresStore` with their lifetimes, in pages.
 *
 * @throws {StoreError} when they can't be read
 */
export async function* readPostgresEntries(
  client: PostgresClient,
): AsyncGenerator<readonly ExportedEntry[], void> {
  const query = queryOf("Cannot read store", client);
  for (let last = "";;) {
    let rows: readonly PostgresRow[];
    try {
      rows = await query(SQL, last);
    } catch (error) {
      throw postgresError("read the store", error);
    }
    if (rows.length === 0) return;
    yield rows.filter(({ value, number }) => value !== null || number !== null).map(entryOf);
    last = rows.at(-1)!["key"] as string;
  }
}

const encoder = new TextEncoder();

function entryOf({ key, value, number, expire_in }: PostgresRow): ExportedEntry {
  return {
    id: (key as string).replace(/../g, (byte) => String.fromCharCode(parseInt(byte, 16))),
    content: value === null ? BigInt(number as string) : encoder.encode(value as string),
    // The clock went on since the condition was checked.
    expireIn: expire_in === null ? undefined : Math.max(1, Number(expire_in)),
  };
}
