/**
 * Sends and receives webhooks. `WebhookHook` sends events, signed by
 * [Standard Webhooks](https://www.standardwebhooks.com); `webhookReceiver` and `verifyWebhook` receive
 * them. Also encodes and decodes CloudEvents 1.0.2, and guards against user-supplied URLs that lead to
 * private addresses (SSRF). No dependencies.
 *
 * ```ts
 * import { createHooks } from "@omniagent/hooks";
 * import { generateSecret, WebhookHook, webhookReceiver } from "@omniagent/hooks/webhook";
 *
 * const secret = generateSecret();
 * const receive = webhookReceiver((event) => console.log(event.type), { secret });
 *
 * const hooks = createHooks();
 * hooks.use(
 *   new WebhookHook({
 *     name: "audit",
 *     events: ["tool.*"],
 *     url: "https://audit.example.com/",
 *     secret,
 *     fetch: async (input, init) => await receive(new Request(input, init)), // no network in this example
 *   }),
 * );
 * await hooks.emit("tool.called", { name: "bash" }); // prints tool.called
 * await hooks.close();
 * ```
 *
 * @module
 */
export * from "./address_guard.ts";
export * from "./cloudevents/decode.ts";
export * from "./cloudevents/encode.ts";
export * from "./errors.ts";
export type { WebhookGateOptions } from "./gate/options.ts";
export {
  type GateDecider,
  gateReceiver,
  type GateReceiverOptions,
  type GateRequestContext,
} from "./gate/receiver.ts";
export { WebhookGate } from "./gate/webhook_gate.ts";
export { generateKeyPair, type WebhookKeyPair } from "./keys.ts";
export type { FilterValue, WebhookHookOptions } from "./options.ts";
export {
  type ReceivedContext,
  type ReceivingHandler,
  webhookReceiver,
  type WebhookReceiverOptions,
} from "./receiver.ts";
export { generateSecret, type WebhookSecretOptions } from "./secrets.ts";
export {
  createWebhookSigner,
  signWebhook,
  type SignWebhookOptions,
  type WebhookHeaders,
  type WebhookMessage,
  type WebhookSigner,
} from "./sign.ts";
export {
  createWebhookVerifier,
  type VerifiedWebhook,
  verifyWebhook,
  type VerifyWebhookOptions,
  type WebhookHeaderSource,
  type WebhookVerifier,
} from "./verify.ts";
export { WebhookHook } from "./webhook_hook.ts";
