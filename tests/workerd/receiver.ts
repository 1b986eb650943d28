/**
 * A worker that receives webhooks by POST, and lists the verified ones by GET.
 * @module
 */
import { webhookReceiver } from "@omniagent/hooks/webhook";
import { type Received, SECRET } from "./shared.ts";

const received: Received[] = [];

const receive = webhookReceiver(({ id, type, sessionId, data }) => {
  received.push({ id, type, ...(sessionId === undefined ? {} : { sessionId }), data });
}, { secrets: SECRET });

export default {
  fetch: (request: Request): Response | Promise<Response> =>
    request.method === "GET" ? Response.json(received) : receive(request),
};
