import { maskUrl } from "../../internal/mask_url.ts";
import type { Store } from "../../store/mod.ts";
import { hasSqlite, readFileFormat } from "../../stores/sqlite/file_format.ts";
import { CommandError } from "../errors.ts";
import { parseStoreLocation } from "./location.ts";

/**
 * Opens the store at a location. A file is opened as what it is, whether SQLite or Deno KV, and a new one
 * is SQLite where the runtime has it. `onNotice` receives what users should know about it.
 *
 * @throws {CommandError} when the location is invalid, or the file is of another kind
 * @throws {StoreError} when it can't be opened
 */
export async function openStoreAt(
  text: string,
  onNotice: (message: string) => void = () => {},
): Promise<Store> {
  const { kind, path } = parseStoreLocation(text);
  if (kind === "postgres") return await (await import("./postgres.ts")).openPostgres(path);
  const isFile = path !== ":memory:" && !/^\s*https?:/i.test(path);
  if (isFile) await createFolder(path);
  const format = isFile ? await readFileFormat(path) : "none";
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
