/**
 * A store over Deno KV for Node and Bun, with the npm package `@deno/kv`: a local file, memory, or a
 * KV Connect server. Deno, Bun and Node can read each other's files.
 *
 * ```ts
 * import { createHooks } from "@omniagent/hooks";
 * import { openStore } from "@omniagent/hooks/node";
 *
 * const store = await openStore(":memory:");
 * const hooks = createHooks({ store }); // hooks that use storage get their own part
 *
 * await hooks.close();
 * store.close();
 * ```
 *
 * @module
 */
import { checkDefined, checkKnown, describePadding } from "../../internal/options.ts";
import type { Store } from "../../store/mod.ts";
import { backendError, checkStorePath } from "../kv/errors.ts";
import { KvStore } from "../kv/mod.ts";

/** Options of `openStore`. */
export type OpenStoreOptions = {
  /** Token for a KV Connect server. @default the environment variable `DENO_KV_ACCESS_TOKEN` */
  readonly accessToken?: string;
};

/**
 * Opens a store over the npm package `@deno/kv`, which `close` closes again. `limits.checks` is 10.
 *
 * `path` is a file, `":memory:"`, or the URL of a KV Connect server. It is required: without one,
 * `@deno/kv` would silently keep everything in memory.
 *
 * @throws {TypeError} when `path` is missing, or the URL of another kind of database
 * @throws {StoreError} when the package can't be loaded or the database can't be opened; `cause` says why
 *
 * ```ts
 * import { openStore } from "@omniagent/hooks/node";
 *
 * const store = await openStore(":memory:");
 * await store.set(["session", "s-1"], { turns: 3 });
 * console.log((await store.get(["session", "s-1"])).value); // { turns: 3 }
 * store.close();
 * ```
 */
export async function openStore(path: string, options: OpenStoreOptions = {}): Promise<Store> {
  const subject = "Cannot open the store";
  checkKnown(subject, options, ["accessToken"], { token: "accessToken" });
  checkDefined(subject, options, { accessToken: "to use DENO_KV_ACCESS_TOKEN" });
  checkText(subject, "accessToken", options.accessToken);
  if (typeof path !== "string" || path === "") {
    throw new TypeError(
      `${subject}: 'path' must be a file, ":memory:" or a URL, got ${
        path === "" ? "an empty string" : typeof path
      }`,
    );
  }
  if (/^\s*https?:/i.test(path)) checkText(subject, "path", path);
  checkStorePath(path);
  try {
    const { openKv } = await import("@deno/kv"); // here, because it loads a native module
    return new KvStore(await openKv(path, { ...options, ...serializer }), { ownsKv: true });
  } catch (error) {
    throw backendError("open the store", error, path);
  }
}

/** Rejects a token or a URL with extra characters around it. The message does not contain it. */
function checkText(subject: string, name: string, text: string | undefined): void {
  if (text === undefined) return;
  const problem = typeof text === "string" ? describePadding(text) : "it must be a string";
  if (problem !== undefined) throw new TypeError(`${subject}: '${name}' is invalid: ${problem}`);
}

/**
 * Replaces values that aren't bytes. A store writes none, and no runtime can read all those of another,
 * so they aren't read at all: `KvStore` returns undefined for them.
 */
const serializer = {
  encodeV8(): never {
    throw new TypeError("Cannot write the value: a store writes only bytes");
  },
  decodeV8: (): undefined => undefined,
};
