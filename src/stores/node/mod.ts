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
export { openStore, type OpenStoreOptions } from "./open_store.ts";
