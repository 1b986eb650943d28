/**
 * Event hooks for AI agents: an agent's events (messages, tool calls, sessions, jobs) reach handlers,
 * compiled hooks with a lifecycle, and webhooks.
 *
 * ```ts
 * import { createHooks, defineHook } from "@omniagent/hooks";
 *
 * let calls = 0;
 * const meter = defineHook({
 *   name: "meter",
 *   events: ["tool.*"],
 *   handle: () => {
 *     calls++;
 *   },
 *   close: () => console.log(`${calls} tool events`),
 * });
 *
 * const hooks = createHooks({ use: [meter] });
 * hooks.on("message.received", (event) => console.log(event.data.content));
 * await hooks.emit("message.received", { role: "user", content: "hello" }, { sessionId: "s-1" });
 * await hooks.emit("tool.called", { name: "bash" });
 * await hooks.close();
 * ```
 *
 * @module
 */
export {
  type AgentEndData,
  type AgentEvents,
  agentEventSchemas,
  type Attempt,
  type AttemptContext,
  createHooks,
  DeadlockError,
  decodeEvent,
  DEFAULT_RETRY,
  defineHook,
  type DeliveryQueue,
  type DeliveryTarget,
  Dispatcher,
  DispatchError,
  EmitDepthError,
  type EmitOptions,
  type Emitter,
  encodeEvent,
  type EventOf,
  type EventPattern,
  type EventSchemas,
  type EventType,
  EventValidationError,
  exponentialRetry,
  type ExponentialRetryOptions,
  fixedRetry,
  type FixedRetryOptions,
  type HandlerContext,
  type HandlerFunc,
  type HandlerOption,
  type HandlerOptions,
  type HandlerOutcome,
  type HandlerResult,
  type Hook,
  HookCloseError,
  type HookDefinition,
  type HookEvent,
  HookInitError,
  type HookInstaller,
  type HookOption,
  HookRegistry,
  type Hooks,
  HooksClosedError,
  type HooksOption,
  type HooksOptions,
  HookTimeoutError,
  type InitContext,
  type JitterOptions,
  type JobData,
  type Lifecycle,
  type Logger,
  type MatchingType,
  type MessageData,
  OverflowError,
  type PatternHandler,
  type PrefixesOf,
  type Publication,
  type PublishOptions,
  type QueueHost,
  type Receipt,
  type Registration,
  type RegistrationInfo,
  type RegistryOptions,
  type RetryPolicy,
  scheduleRetry,
  type SessionData,
  type SessionRolloverData,
  type StorageAware,
  type ToolData,
  type Webhook,
  type WebhookOption,
  withCompiledHook,
  withHook,
  withNamedHook,
  withWebhookHook,
} from "./src/core/mod.ts";
export type {
  StandardIssue,
  StandardResult,
  StandardSchemaV1,
} from "./src/internal/standard_schema.ts";
export type {
  Store,
  StoreAtomic,
  StoreCheck,
  StoreCommit,
  StoreEntry,
  StoreKey,
  StoreLimits,
  StoreListOptions,
  StoreSelector,
  StoreSetOptions,
} from "./src/store/mod.ts";
export { StoreError, type StoreFailure, StoreLimitError } from "./src/store/errors.ts";
export { WebhookError } from "./src/webhook/errors.ts";
export type { FilterValue, WebhookHookOptions } from "./src/webhook/options.ts";
export { WebhookHook } from "./src/webhook/webhook_hook.ts";
