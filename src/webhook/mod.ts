/**
 * Webhooks, both halves: `WebhookHook` sends events, signed after
 * [Standard Webhooks](https://www.standardwebhooks.com), `webhookReceiver` and `verifyWebhook` receive
 * them. Beside them CloudEvents 1.0.2 and the guard against addresses that a stranger's URL may not
 * reach. No dependency: `fetch` and WebCrypto.
 *
 * ```ts
 * import { createHooks } from "@omniagent/hooks";
 * import { generateSecret, WebhookHook, webhookReceiver } from "@omniagent/hooks/webhook";
 *
 * const secret = generateSecret();
 * const receive = webhookReceiver((event) => console.log(event.type), { secrets: secret });
 *
 * const hooks = createHooks();
 * hooks.use(
 *   new WebhookHook({
 *     name: "audit",
 *     events: ["tool.*"],
 *     url: "https://audit.example.com/",
 *     secret,
 *     fetch: async (input, init) => await receive(new Request(input, init)), // no network here
 *   }),
 * );
 * await hooks.emit("tool.called", { name: "bash" }); // prints tool.called
 * await hooks.close();
 * ```
 *
 * @module
 */
export * from "./address_guard.ts";
export * from "./cloudevents.ts";
export * from "./errors.ts";
export * from "./receiver.ts";
export * from "./secret.ts";
export {
  createWebhookSigner,
  createWebhookVerifier,
  signWebhook,
  type SignWebhookOptions,
  type VerifiedWebhook,
  verifyWebhook,
  type VerifyWebhookOptions,
  type WebhookHeaders,
  type WebhookHeaderSource,
  type WebhookMessage,
  type WebhookSigner,
  type WebhookVerifier,
} from "./signature.ts";
export * from "./webhook_hook.ts";
export * from "./webhook_options.ts";
