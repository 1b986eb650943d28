/**
 * Receives webhooks: verifies each request, and handles each message once, even if it arrives again.
 *
 *     deno run -A examples/webhook_receive.ts
 *
 * It prints the command that sends to it. Reads PORT and WEBHOOK_SECRET from the environment.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { generateSecret, webhookReceiver } from "@omniagent/hooks/webhook";

const port = Number(process.env.PORT ?? 9000);
const secret = process.env.WEBHOOK_SECRET ?? generateSecret();

const receive = webhookReceiver((event, { id }) => {
  console.log(`${event.type} ${JSON.stringify(event.data)} (${id})`);
}, { secrets: secret });

/** A fetch handler. */
async function respond(request: Request): Promise<Response> {
  const response = await receive(request);
  if (!response.ok) console.log("rejected:", response.status, (await response.clone().json()).code);
  return response;
}

if ("Deno" in globalThis) {
  Deno.serve({ hostname: "127.0.0.1", port, onListen: ({ port }) => greet(port) }, respond);
} else {
  // Node.js and Bun: adapt node:http to a fetch handler.
  const server = createServer(async (incoming, outgoing) => {
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const { method, headers } = incoming;
    const body = method === "GET" || method === "HEAD" ? null : new Blob(chunks);
    const init = { method: method!, headers: headers as Record<string, string>, body };
    const response = await respond(new Request(`http://${headers.host}${incoming.url}`, init));
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    outgoing.end(await response.text());
  });
  server.listen(port, "127.0.0.1", () => greet((server.address() as AddressInfo).port));
}

function greet(port: number): void {
  const environment = `WEBHOOK_URL=http://127.0.0.1:${port}/ WEBHOOK_SECRET=${secret}`;
  console.log(`Waiting for webhooks. In another terminal:\n`);
  console.log(`  ${environment} deno run -A examples/webhook_send.ts\n`);
}
