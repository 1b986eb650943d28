/**
 * Webhooks in a store: created, changed and deleted while hooks run, by code, over HTTP, or in the console.
 * Secrets and header values are sealed. Every process that is connected follows each change.
 *
 * ```ts
 * import { createHooks } from "@omniagent/hooks";
 * import { createOutbox } from "@omniagent/hooks/outbox";
 * import { memoryStore } from "@omniagent/hooks/testing";
 * import { generateEncryptionKey, webhookStore } from "@omniagent/hooks/webhook-store";
 *
 * const store = memoryStore(); // openStore("hooks.db"), to outlive the process
 * const webhooks = webhookStore(store, { encryptionKey: generateEncryptionKey() });
 * const hooks = createHooks({ outbox: createOutbox(store) });
 * webhooks.connect(hooks);
 *
 * const { secret } = await webhooks.create({
 *   name: "audit",
 *   events: ["tool.*"],
 *   url: "https://1.1.1.1/events",
 * });
 * console.log(secret?.slice(0, 6)); // whsec_
 * await hooks.close();
 * ```
 *
 * @module
 */
export * from "./errors.ts";
export { generateEncryptionKey } from "./seal.ts";
export type * from "./types.ts";
export { hasWebhooks, webhookStore } from "./webhook_store.ts";
