/**
 * A store in an SQLite file, for one machine: no server and no native addon, and commits that happen at
 * the same time share one sync of the disk.
 *
 * ```ts
 * import { createHooks } from "@omniagent/hooks";
 * import { createOutbox } from "@omniagent/hooks/outbox";
 * import { openStore } from "@omniagent/hooks/sqlite";
 *
 * const store = await openStore(":memory:"); // or "hooks.sqlite"
 * const hooks = createHooks({ outbox: createOutbox(store) });
 * await hooks.emit("tool.called", { name: "bash" });
 * await hooks.close();
 * store.close();
 * ```
 *
 * @module
 */
export { openStore, type OpenStoreOptions } from "./open_store.ts";
export type { Store } from "../../store/mod.ts";
