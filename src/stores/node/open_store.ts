import { checkDefined, checkKnown, describePadding } from "../../internal/options.ts";
import type { Store } from "../../store/mod.ts";
import { checkStorePath } from "../kv/store_path.ts";
import { failure } from "../kv/failure.ts";
import { KvStore } from "../kv/mod.ts";

/** Options of `openStore`. */
export type OpenStoreOptions = {
  /** Token for a KV Connect server. @default the environment variable `DENO_KV_ACCESS_TOKEN` */
  readonly accessToken?: string;
};

/**
 * Opens a store over the npm package `@deno/kv`, which `close` closes again. `limits.checks` is 10.
 *
 * `path` is a file, `":memory:"`, or the URL of a KV Connect server. It has to be given: without one,
 * `@deno/kv` would keep everything in memory, and nothing would say so.
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
  checkText(`${subject} as 'accessToken'`, options.accessToken);
  if (/^\s*https?:/i.test(String(path))) checkText(`${subject} as 'path'`, path);
  if (typeof path !== "string" || path === "") {
    throw new TypeError(
      `Cannot open the store as 'path' must be a file, ":memory:" or a URL: ` +
        `current value is ${path === "" ? "empty" : typeof path}`,
    );
  }
  checkStorePath(path);
  try {
    const { openKv } = await import("@deno/kv"); // here, because it loads a native module
    return new KvStore(await openKv(path, { ...options, ...serializer }), { ownsKv: true });
  } catch (error) {
    throw failure("open the store", error, path);
  }
}

/** Refuses a token or a URL with something around it. The message does not show it. */
function checkText(subject: string, text: string | undefined): void {
  if (text === undefined) return;
  const padding = typeof text === "string" ? describePadding(text) : "it is no text";
  if (padding !== undefined) throw new TypeError(`${subject} can't be used: ${padding}`);
}

/**
 * For what is not bytes. A store writes none, and no runtime can read all of what another wrote, so that
 * such values are not read at all: `KvStore` gives undefined for them.
 */
const serializer = {
  encodeV8(): never {
    throw new TypeError("Cannot write as a store writes bytes");
  },
  decodeV8: (): undefined => undefined,
};
