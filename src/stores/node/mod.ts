/**
 * A store over Deno KV for Node and Bun, by the npm package `@deno/kv`: a local file, memory, or a KV
 * Connect server. A file that one of Deno, Bun and Node wrote reads the same on the others.
 *
 * ```ts
 * import { createHooks } from "@omniagent/hooks";
 * import { openStore } from "@omniagent/hooks/node";
 *
 * const store = await openStore(":memory:");
 * const hooks = createHooks({ store }); // hooks that ask for storage get a part of it
 *
 * await hooks.close();
 * store.close();
 * ```
 *
 * @module
 */
export { openStore, type OpenStoreOptions } from "./open_store.ts";
