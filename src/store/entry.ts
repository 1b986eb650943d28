/**
 * The interface of a store, for programs that implement or wrap one.
 *
 * ```ts
 * import type { Store } from "@omniagent/hooks/store";
 * import { memoryStore } from "@omniagent/hooks/testing";
 *
 * async function countVisit(store: Store, user: string): Promise<bigint> {
 *   await store.atomic().sum(["visits", user], 1n).commit();
 *   const { value } = await store.get<bigint>(["visits", user]);
 *   return value ?? 0n;
 * }
 *
 * console.log(await countVisit(memoryStore(), "ada")); // 1n
 * ```
 *
 * `testStore` of `./testing` checks whether a store does what its users rely on.
 *
 * @module
 */
export { StoreError, type StoreFailure, StoreLimitError } from "./errors.ts";
export type * from "./store.ts";
