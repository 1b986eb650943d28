import { Argument, type Command } from "commander";
import { maskUrl } from "../../internal/mask_url.ts";
import {
  decodeKey,
  decodeValue,
  type ExportedEntry,
  type Store,
  type StoreAtomic,
  storeErrorOf,
  type StoreKey,
} from "../../store/mod.ts";
import { hasSqlite, readFileEntries, readFileFormat } from "../../stores/sqlite/read_file.ts";
import { CommandError } from "../errors.ts";
import type { CommandIO } from "../io.ts";
import { count, Progress } from "../output.ts";
import { isFile, parseStoreLocation, type StoreLocation } from "../store/open.ts";

type Options = { readonly force?: true; readonly json?: true };

/** Defines `hooks store`: copies a store to another. */
export function define(command: Command, io: CommandIO): void {
  command
    .addArgument(new Argument("<action>", "what to do").choices(["copy"]))
    .argument("<from>", "store to copy: a file, or postgres://…")
    .argument("<to>", "store to write: a file, postgres://…, or a KV Connect URL")
    .option("--force", "write to a store that has entries; replace entries with the same keys")
    .option("--json", "print a JSON object")
    .addHelpText(
      "after",
      `
First, stop everything that uses either store. The format of an existing file,
SQLite or Deno KV, is detected; a new file is SQLite, or Deno KV after 'kv:'.
Entries keep their remaining lifetimes. To repeat an interrupted copy, use --force.

Examples:
  hooks store copy hooks.db hooks.sqlite         from Deno KV to SQLite
  hooks store copy hooks.sqlite postgres://hooks@db.example.com/app
  hooks serve --store hooks.sqlite
`,
    )
    .action((_: "copy", from: string, to: string, options: Options) => copy(from, to, options, io));
}

async function copy(from: string, to: string, options: Options, io: CommandIO): Promise<void> {
  const [source, target] = [parseStoreLocation(from), parseStoreLocation(to)];
  if (source.path !== ":memory:" && source.path === target.path) {
    throw new CommandError("Cannot copy a store to itself", [], 2);
  }
  const progress = new Progress(io);
  const names = `${maskUrl(from)} to ${maskUrl(to)}`;
  try {
    const readEntries = await readerOf(source); // before the target is created
    const store = await io.openStore(to);
    try {
      if (!options.force && !await isEmpty(store)) {
        throw new CommandError(`Cannot copy to ${maskUrl(to)}: it has entries`, [
          "Pass --force to replace entries with the same keys, such as after an interrupted copy",
        ]);
      }
      const result = await copyEntries(
        readEntries,
        store,
        (copied) => progress.show(`${count(copied, "entry", "entries")} copied`),
      );
      progress.clear();
      report(result, names, options, io);
    } finally {
      store.close();
    }
  } catch (error) {
    const failed = storeErrorOf(error);
    if (failed === undefined) throw error;
    throw new CommandError(`Cannot copy ${names}: ${failed.message}`, [`Reason: ${failed.advice}`]);
  } finally {
    progress.clear();
  }
}

function report(
  { copied, skipped, leased, problem }: CopyResult,
  names: string,
  { json }: Options,
  io: CommandIO,
): void {
  if (problem !== undefined) {
    throw new CommandError(`Copied ${names}, but ${problem}`, [
      "Stop everything that uses the stores, and run the command again with --force",
    ]);
  }
  if (leased > 0) {
    io.stderr.write(
      `warning: ${count(leased, "delivery", "deliveries")} were leased: if a process still uses ` +
        "the source, stop it and copy again with --force\n",
    );
  }
  if (json) io.stdout.write(`${JSON.stringify({ copied, skipped, leased })}\n`);
  else {
    const others = skipped > 0 ? `; left out ${skipped} that another program wrote` : "";
    io.stdout.write(`copied ${count(copied, "entry", "entries")} from ${names}${others}\n`);
  }
}

/** The size of a commit that every store accepts: Deno KV accepts 81,920 bytes of keys. */
const BATCH = { entries: 100, bytes: 400_000, keys: 60_000 };
/** Entries that expire sooner, in milliseconds, may be gone when they are counted. */
const SOON = 600_000;

/** The result of a copy. */
type CopyResult = {
  readonly copied: number;
  /** Entries of the source that no store of this package wrote. */
  readonly skipped: number;
  /** Deliveries that a process had leased: it may still be running. */
  readonly leased: number;
  /** Why the copy can't be trusted; undefined if it can. */
  readonly problem: string | undefined;
};

/** Reads all entries of a store, in pages; undefined is one that no store of this package wrote. */
type ReadEntries = () => AsyncIterable<readonly (ExportedEntry | undefined)[]>;

/**
 * Returns a function that reads the store at a location, with lifetimes.
 *
 * @throws {CommandError} when there is none, or it can't tell when entries expire
 */
async function readerOf(location: StoreLocation): Promise<ReadEntries> {
  const { kind, path } = location;
  if (kind === "postgres") return () => readPostgres(path);
  if (!isFile(location)) {
    throw new CommandError("Cannot copy this store: only files and PostgreSQL can be copied", [
      "Deno KV doesn't tell a client when entries expire",
    ]);
  }
  const format = await readFileFormat(path);
  if (format === "none") throw new CommandError(`Cannot copy ${path}: there is no store`);
  const expected = { file: format, sqlite: "hooks", kv: "deno-kv" }[kind];
  if (format === "other" || format !== expected) {
    throw new CommandError(`Cannot copy ${path}: it isn't a store of this kind`);
  }
  if (hasSqlite()) return () => readFileEntries(path, format);
  throw new CommandError(`Cannot copy ${path}: this runtime can't read SQLite`, [
    "Use Deno, Bun, or Node.js 22.13 or later",
  ]);
}

/**
 * Copies all entries to a store, with what is left of their lifetimes, and counts both afterwards. Writes
 * each entry as a whole, so that a copy that was interrupted can be made again.
 *
 * @throws {StoreError} when one of the stores fails
 */
async function copyEntries(
  readEntries: ReadEntries,
  target: Store,
  onProgress: (copied: number) => void,
): Promise<CopyResult> {
  const wasEmpty = await isEmpty(target);
  const batch = new Batch(target);
  const now = Date.now();
  let [skipped, leased, ending] = [0, 0, 0];
  for await (const page of readEntries()) {
    for (const entry of page) {
      const key = entry && decodeKey(entry.id);
      const value = entry && decodeValue(entry.content);
      if (entry === undefined || key === undefined || value === undefined) {
        skipped++;
        continue;
      }
      if (isLeased(key, value, now)) leased++;
      if ((entry.expireIn ?? Infinity) < SOON) ending++;
      await batch.add(key, value, entry);
    }
    onProgress(batch.copied);
  }
  await batch.flush();
  const { copied } = batch;
  const counts = {
    source: await countEntries(readEntries()) - skipped,
    target: await countEntries(target.list({ prefix: [] })),
  };
  const isWrong = (found: number): boolean => found > copied || found < copied - ending;
  const problem = isWrong(counts.source)
    ? "entries changed during the copy"
    : (wasEmpty && isWrong(counts.target)) || counts.target < copied - ending
    ? `the copy has ${counts.target} entries instead of ${copied}`
    : undefined;
  return { copied, skipped, leased, problem };
}

/** Returns whether a store has no entries. */
async function isEmpty(store: Store): Promise<boolean> {
  for await (const _ of store.list({ prefix: [] }, { limit: 1 })) return false;
  return true;
}

async function* readPostgres(url: string): AsyncGenerator<readonly ExportedEntry[], void> {
  const { connectPostgres } = await import("../store/postgres.ts");
  const { readPostgresEntries } = await import("../../stores/postgres/postgres_store.ts");
  const { client, close } = await connectPostgres(url);
  try {
    yield* readPostgresEntries(client);
  } finally {
    await close().catch(() => {}); // a connection that is broken is closed
  }
}

/** Counts entries, or those in pages. */
async function countEntries(entries: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const one of entries) count += Array.isArray(one) ? one.length : 1;
  return count;
}

/** Returns whether an entry is a leased delivery, under any prefix (`docs/internals/outbox.md`, "Keys"). */
function isLeased([, kind]: StoreKey, value: unknown, now: number): boolean {
  return kind === "due" && Number((value as { readonly until?: unknown } | null)?.until) > now;
}

/** Writes entries, many in a commit. */
class Batch {
  copied = 0;
  readonly #store: Store;
  #atomic: StoreAtomic;
  #size = { entries: 0, bytes: 0, keys: 0 };

  constructor(store: Store) {
    this.#store = store;
    this.#atomic = store.atomic();
  }

  async add(key: StoreKey, value: unknown, { id, content, expireIn }: ExportedEntry) {
    const bytes = id.length + (typeof content === "bigint" ? 8 : content.length);
    const { entries, bytes: all, keys } = this.#size;
    const isFull = entries === BATCH.entries || all + bytes > BATCH.bytes ||
      keys + 2 * id.length > BATCH.keys;
    if (isFull) await this.flush();
    // A sum that is copied again must not be added again.
    if (typeof content === "bigint") this.#atomic.delete(key).sum(key, content);
    else this.#atomic.set(key, value, expireIn === undefined ? {} : { expireIn });
    this.#size.entries++;
    this.#size.bytes += bytes;
    this.#size.keys += 2 * id.length; // a sum has its key twice
  }

  async flush(): Promise<void> {
    if (this.#size.entries === 0) return;
    await this.#atomic.commit();
    this.copied += this.#size.entries;
    this.#atomic = this.#store.atomic();
    this.#size = { entries: 0, bytes: 0, keys: 0 };
  }
}
