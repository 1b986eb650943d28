/**
 * Event hooks for AI agents: an agent's events (messages, tool calls, sessions, jobs) reach handlers,
 * hooks with a lifecycle, and webhooks.
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
  createHooks,
  DeadlockError,
  decodeEvent,
  defineHook,
  Dispatcher,
  DispatchError,
  EmitDepthError,
  type EmitOptions,
  type Emitter,
  encodeEvent,
  type EventOf,
  type EventPattern,
  type EventType,
  EventValidationError,
  exponentialRetry,
  fixedRetry,
  type HandlerContext,
  type HandlerFunc,
  type HandlerOptions,
  type HandlerOutcome,
  type HandlerResult,
  type Hook,
  HookCloseError,
  type HookEvent,
  HookInitError,
  HookRegistry,
  type Hooks,
  HooksClosedError,
  type HooksOption,
  type HooksOptions,
  HookTimeoutError,
  type JobData,
  type Logger,
  type MessageData,
  OverflowError,
  type Receipt,
  type Registration,
  type RetryOptions,
  type RetryPolicy,
  scheduleRetry,
  type SessionData,
  type SessionRolloverData,
  type ToolData,
  type TransactionReceipt,
  type Webhook,
  withCompiledHook,
  withHook,
  withNamedHook,
  withWebhookHook,
} from "./src/core/mod.ts";
export type { StandardIssue, StandardSchemaV1 } from "./src/internal/standard_schema.ts";
export { WebhookHook } from "./src/webhook/webhook_hook.ts";
