import { createHooks, encodeEvent, WebhookHook } from "@omniagent/hooks";
import { pairedRatio, type Sample } from "../sampler.ts";
import { event } from "./_event.ts";
import type { InsideRow, Row } from "./row.ts";

const IN_FLIGHT = 64;
/** Requests of a sample: enough that its start and end hardly count. */
const REQUESTS = 1_000;

/** The share of the speed that remains if each request is an event: created, checked, encoded, signed. */
export const inlineDeliveryRows: readonly Row[] = [
  {
    ...row("inline delivery, signed, 64 in flight", delivery, signedFetch),
    against: "the same by hand: fetch, HMAC, timeout",
    budget: { atLeast: 0.9 },
  },
  row("inline delivery, signed, 64 in flight", delivery),
  row("inline delivery by hand, 64 in flight", signedFetch),
];

type Sender = (address: string) => Promise<Send> | Send;

function row(name: string, sender: Sender, other: Sender = rawFetch): InsideRow {
  return {
    name,
    against: "raw fetch, 64 in flight",
    server: async (request) => {
      await request.arrayBuffer();
      return new Response(null, { status: 204 });
    },
    // The value is throughput, so the cost of the other side is the numerator.
    inside: async (address) =>
      pairedRatio(timed(await other(address)), timed(await sender(address)), { warmUp: 3 }),
  };
}

type Send = () => Promise<unknown>;

const KEY = "0123456789abcdef0123456789abcdef";

function delivery(url: string): Send {
  const secret = `whsec_${btoa(KEY)}`;
  const hooks = createHooks();
  hooks.use(
    new WebhookHook({ name: "bench", events: [event.type], url, secret, concurrency: IN_FLIGHT }),
  );
  return () => hooks.emit(event.type, event.data, { sessionId: event.sessionId });
}

/** `fetch`, one HMAC, a controller and a timer, without checks and options. */
async function signedFetch(url: string): Promise<Send> {
  const encoder = new TextEncoder();
  const hmac = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", encoder.encode(KEY), hmac, false, ["sign"]);
  return async () => {
    const body = JSON.stringify(event);
    const timestamp = String(Math.floor(Date.now() / 1000));
    const content = encoder.encode(`${event.id}.${timestamp}.${body}`);
    const signature = new Uint8Array(await crypto.subtle.sign("HMAC", key, content));
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), 10_000);
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "webhook-id": event.id,
        "webhook-timestamp": timestamp,
        "webhook-signature": `v1,${btoa(String.fromCharCode(...signature))}`,
      },
      body,
      redirect: "manual",
      signal: controller.signal,
    });
    await response.body?.cancel();
    clearTimeout(timer);
  };
}

function rawFetch(url: string): Send {
  const body = encodeEvent(event);
  const headers = { "content-type": "application/json" };
  return async () => {
    const response = await fetch(url, { method: "POST", headers, body });
    if (!response.ok) throw new Error(`The receiver responded ${response.status}`);
    await response.body?.cancel();
  };
}

/** Keeps 64 requests in flight; the cost is the time per request. */
function timed(send: Send): Sample {
  return async () => {
    let left = REQUESTS;
    const worker = async () => {
      while (left-- > 0) await send();
    };
    const start = performance.now();
    await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
    return (performance.now() - start) / REQUESTS;
  };
}
