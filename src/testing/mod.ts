/**
 * Test utilities: a recording hook, a store in memory, a conformance suite for stores, and a webhook
 * receiver that misbehaves on demand.
 *
 * ```ts
 * import { createHooks } from "@omniagent/hooks";
 * import { memoryStore, RecordingHook } from "@omniagent/hooks/testing";
 *
 * const recorder = new RecordingHook({ events: ["tool.*"] });
 * const hooks = createHooks({ use: [recorder], store: memoryStore() });
 *
 * await hooks.emit("tool.called", { name: "bash" });
 * recorder.expect({ type: "tool.called", data: { name: "bash" } });
 * await hooks.close();
 * ```
 *
 * @module
 */
export type { EventMatcher, PartialData } from "./event_matcher.ts";
export { ExpectationError } from "./expectation_error.ts";
export { memoryStore, type MemoryStoreOptions } from "./memory_store.ts";
export {
  type RecordedCall,
  RecordingHook,
  type RecordingHookOptions,
  type RecordingWaitOptions,
} from "./recording_hook.ts";
export { type RegisterTest, testStore, type TestStoreOptions } from "./test_store.ts";
export type {
  ReceiverBehavior,
  ReceiverMoment,
  ReceiverStep,
  RecordedRequest,
} from "./receiver_script.ts";
export { type ReceiverStats, type WaitForOptions, WebhookReceiver } from "./webhook_receiver.ts";
