/**
 * A store over Deno KV: a local file, Deno Deploy's database, or a KV Connect server.
 *
 * ```ts
 * import { createHooks } from "@omniagent/hooks";
 * import { openStore } from "@omniagent/hooks/kv";
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
export * from "./kv_store.ts";
export { openStore } from "./open_store.ts";
