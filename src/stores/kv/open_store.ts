import type { Store } from "../../store/mod.ts";
import { retryLocked } from "../../store/sqlite_failure.ts";
import { backendError, checkStorePath } from "./errors.ts";
import { type KvLike, KvStore } from "./kv_store.ts";

/** The number of checks that Deno accepts per commit on a local file. */
const LOCAL_CHECKS = 100;

/**
 * Opens a store over `Deno.openKv`, which `close` closes again.
 *
 * `path` is a file, `":memory:"`, or the URL of a KV Connect server, whose token Deno reads from the
 * environment variable `DENO_KV_ACCESS_TOKEN`. Without a path, Deno chooses: the database of the app on
 * Deno Deploy, otherwise a file of its own. `limits.checks` is 100 on a file and in memory, otherwise 10.
 *
 * Enable Deno KV with `"unstable": ["kv"]` in deno.json or with `--unstable-kv`; Deno Deploy needs
 * neither. On Bun and Node, use `openStore` of `./node`.
 *
 * @throws {TypeError} when `path` is the URL of another kind of database
 * @throws {Error} when there is no Deno KV; the message says what to do
 * @throws {StoreError} when it can't be opened; `failure` says why
 *
 * ```ts
 * import { openStore } from "@omniagent/hooks/kv";
 *
 * const store = await openStore(":memory:");
 * await store.set(["session", "s-1"], { turns: 3 });
 * console.log((await store.get(["session", "s-1"])).value); // { turns: 3 }
 * store.close();
 * ```
 */
export async function openStore(path?: string): Promise<Store> {
  checkStorePath(path);
  const open = findOpenKv();
  const local = path !== undefined && !/^https?:\/\//i.test(path);
  try {
    const kv = await retryLocked(() => open(path));
    return new KvStore(kv, {
      ownsKv: true,
      ...(local && { limits: { checks: LOCAL_CHECKS } }),
    });
  } catch (error) {
    throw backendError("open the store", error, path);
  }
}

type OpenKv = (path?: string) => Promise<KvLike>;

function findOpenKv(): OpenKv {
  const { Deno: deno } = globalThis as {
    readonly Deno?: { readonly openKv?: OpenKv };
  };
  if (deno === undefined) {
    throw new Error(
      "Cannot open the store: this is not Deno. On Bun and Node, import openStore from " +
        "'@omniagent/hooks/node'",
    );
  }
  if (typeof deno.openKv !== "function") {
    throw new Error(
      `Cannot open the store: Deno KV is not enabled. Add "unstable": ["kv"] to deno.json, or run ` +
        "with --unstable-kv",
    );
  }
  return (path) => deno.openKv!(path);
}
