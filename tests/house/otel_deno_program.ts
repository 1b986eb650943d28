/**
 * An agent's tool call, and the receiver of its webhook, which fails twice. `otel_deno_test.ts` runs it with the
 * OpenTelemetry of Deno.
 * @module
 */
import * as api from "@opentelemetry/api";
import { createHooks, fixedRetry, WebhookHook } from "@omniagent/hooks";
import { otel } from "@omniagent/hooks/otel";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { generateSecret, webhookReceiver } from "@omniagent/hooks/webhook";

const secret = generateSecret();
const telemetry = otel(api);
let requests = 0;
const arrived = Promise.withResolvers<void>();
const receive = webhookReceiver(() => arrived.resolve(), { secret, telemetry });
const server = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen: () => {} },
  (request) => ++requests <= 2 ? new Response("busy", { status: 503 }) : receive(request),
);

const hooks = createHooks({ outbox: createOutbox(memoryStore()), telemetry });
hooks.gate("tool.called", { name: "policy", handle: () => undefined });
const retry = fixedRetry({ delay: 1, retries: 5, jitter: 0 });
const url = `http://127.0.0.1:${server.addr.port}/events`;
hooks.use(new WebhookHook({ name: "audit", events: ["tool.called"], url, secret, retry }));
await hooks.call("search", { query: "hooks" }, () => "found");
await arrived.promise;
await hooks.close();
await server.shutdown();
