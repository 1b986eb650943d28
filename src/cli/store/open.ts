import { maskUrl } from "../../internal/mask_url.ts";
import type { Store } from "../../store/mod.ts";
import { hasSqlite, readFileFormat } from "../../stores/sqlite/read_file.ts";
import { findUrlIssue } from "../../webhook/request_rules.ts";
import { CommandError } from "../errors.ts";

/**
 * Where a store is:
 *
 * - `file`: a file whose kind is detected; a new one is SQLite where the runtime has it
 * - `sqlite`, `kv`: a file of this kind or `:memory:`; `kv` also the URL of a KV Connect server
 * - `postgres`: a PostgreSQL database
 */
export type StoreLocation = {
  readonly kind: "file" | "sqlite" | "kv" | "postgres";
  /** A file, `:memory:`, or a URL, which may contain a password. */
  readonly path: string;
};

/** The forms in which users may write a store. */
const STORE_FORMS = "a file, :memory:, postgres://…, or the URL of a KV Connect server";

/** A scheme of two letters or more: one letter is a Windows drive. */
const SCHEME = /^\s*([a-z][a-z0-9+.-]+):/i;

/**
 * Reads where a store is: a path, `:memory:`, `postgres://…`, the http(s) URL of a KV Connect server, or
 * one of these after `sqlite:` or `kv:`. Without a check, SQLite would use the URL of another database as
 * the name of a file, with its password.
 *
 * @throws {CommandError} for anything else; the message contains no more than the scheme
 */
export function parseStoreLocation(text: string): StoreLocation {
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return checkPath({ kind: "file", path: text });
  if (/^https?$/.test(scheme)) return checkUrl({ kind: "kv", path: text });
  if (/^\s*postgres(?:ql)?:\/\//i.test(text)) return checkUrl({ kind: "postgres", path: text });
  const path = text.slice(text.indexOf(":") + 1);
  // `kv://…` is the URL of a server, whichever it is.
  if ((scheme === "sqlite" || scheme === "kv") && !path.startsWith("//")) {
    const inner = /^:memory:$/.test(path) ? undefined : SCHEME.exec(path)?.[1];
    if (inner === undefined) return checkPath({ kind: scheme, path });
    if (scheme === "kv" && /^https?$/i.test(inner)) return checkUrl({ kind: scheme, path });
  }
  throw new CommandError(`Cannot use the store: '${scheme}:' is not supported`, [
    `Pass ${STORE_FORMS}; write ./ before a file name with a colon`,
  ], 2);
}

/** Returns whether a store is a file. */
export function isFile({ kind, path }: StoreLocation): boolean {
  return kind !== "postgres" && path !== ":memory:" && !/^\s*https?:/i.test(path);
}

function checkPath(location: StoreLocation): StoreLocation {
  const { path } = location;
  if (path !== "" && !path.includes("\0")) return location;
  throw new CommandError("Cannot use the store: its path is empty", [`Pass ${STORE_FORMS}`], 2);
}

function checkUrl(location: StoreLocation): StoreLocation {
  const { kind, path } = location;
  const advice = kind === "postgres"
    ? ["Percent-encode special characters in the user name and the password"]
    : [];
  const problem = URL.canParse(path)
    ? kind === "kv" ? findUrlIssue(new URL(path)) : undefined
    : `can't be parsed: ${maskUrl(path)}`;
  if (problem === undefined) return location;
  throw new CommandError(`Cannot use the URL of the store: it ${problem}`, advice, 2);
}

/**
 * Opens the store at a location. Detects whether a file is SQLite or Deno KV; a new one is SQLite where the
 * runtime has it. `onNotice` receives what users should know about it.
 *
 * @throws {CommandError} when the location is invalid, or the file is of another kind
 * @throws {StoreError} when it can't be opened
 */
export async function openStoreAt(
  text: string,
  onNotice: (message: string) => void = () => {},
): Promise<Store> {
  const location = parseStoreLocation(text);
  const { kind, path } = location;
  if (kind === "postgres") return await (await import("./postgres.ts")).openPostgres(path);
  if (isFile(location)) await createFolder(path);
  const format = isFile(location) ? await readFileFormat(path) : "none";
  if (kind === "kv" && (format === "hooks" || format === "other")) {
    throw new CommandError(
      `Cannot open ${path} as Deno KV: it is ${
        format === "hooks" ? "a store of SQLite" : "a file of another program"
      }`,
      [format === "hooks" ? `Use ${path} without 'kv:'` : "Choose another path"],
    );
  }
  const isKv = kind === "kv" ||
    (kind === "file" && (format === "deno-kv" || (format === "none" && !hasSqlite())));
  if (!isKv) {
    const { openStore } = await import("../../stores/sqlite/mod.ts");
    return await openStore(path);
  }
  if (format === "deno-kv" && hasSqlite()) {
    onNotice(
      `${maskUrl(path)} is a Deno KV database. SQLite is faster: stop the server, and run ` +
        `\`hooks store copy ${path} NEW_FILE\``,
    );
  }
  return await openKv(path);
}

async function createFolder(path: string): Promise<void> {
  const { mkdir } = await import("node:fs/promises");
  const { dirname } = await import("node:path");
  await mkdir(dirname(path), { recursive: true });
}

async function openKv(path: string): Promise<Store> {
  const { openStore } = "Deno" in globalThis
    ? await import("../../stores/kv/mod.ts")
    : await import("../../stores/node/mod.ts");
  return await openStore(path);
}
