/**
 * What the tests of `webhookReceiver` share: a secret, requests that are signed with it, a receiver that
 * knows it.
 * @module
 */
import { encodeEvent } from "@omniagent/hooks";
import {
  generateSecret,
  type ReceivingHandler,
  signWebhook,
  webhookReceiver,
  type WebhookReceiverOptions,
} from "@omniagent/hooks/webhook";
import { silentLogger } from "../support/silent_logger.ts";
import { EVENT } from "./hook_checks.ts";

export const SECRET: string = generateSecret();
export const BODY: string = new TextDecoder().decode(encodeEvent(EVENT));
export const JSON_TYPE = { "content-type": "application/json" };

type Sent = {
  id?: string;
  body?: string | Uint8Array<ArrayBuffer>;
  headers?: Readonly<Record<string, string>>;
  timestamp?: Date;
  secret?: string;
};

/** A signed request. */
export async function signed(
  { id = "msg_1", body = BODY, headers = JSON_TYPE, timestamp, secret = SECRET }: Sent = {},
): Promise<Request> {
  const stamp = await signWebhook(body, { id, timestamp, secrets: secret });
  return new Request("http://h.example/", {
    method: "POST",
    body,
    headers: { ...headers, ...stamp },
  });
}

/** A receiver that logs nothing. */
export function receiver(
  handler: ReceivingHandler,
  options: Partial<WebhookReceiverOptions> = {},
): (request: Request) => Promise<Response> {
  return webhookReceiver(handler, { secrets: SECRET, logger: silentLogger, ...options });
}
