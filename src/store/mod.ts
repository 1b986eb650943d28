/**
 * The interface of a store, its errors, and what every implementation shares: keys, values, ranges and
 * limits, checked before anything is sent.
 *
 * @module
 */
export {
  AtomicOperation,
  type OperationCheck,
  type OperationMutation,
} from "./atomic_operation.ts";
export { checkStore } from "./scoped_store.ts";
export {
  defineStore,
  type StoreBackend,
  type StoreChange,
  type StoreRecord,
} from "./define_store.ts";
export {
  closedError,
  isClosedError,
  StoreError,
  storeErrorOf,
  type StoreFailure,
  StoreLimitError,
} from "./errors.ts";
export { copySelector, decodeKey, encodeFullKey, type KeyRange, limitOf, rangeOf } from "./key.ts";
export { checkReads, KEYS_LIMIT, KV_LIMITS, readLimits } from "./commit_limits.ts";
export type * from "./store.ts";
export { decodeValue, type ExportedEntry, type StoredValue, SUM_RANGE } from "./value.ts";
