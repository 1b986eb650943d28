import { createHooks, encodeEvent, WebhookHook } from "@omniagent/hooks";
import { pairedRatio, type Sample } from "../sampler.ts";
import { event } from "./_event.ts";
import type { Row } from "./row.ts";

const IN_FLIGHT = 64;
/** Requests of a sample: enough that filling and emptying the lanes is little of it. */
const REQUESTS = 1_000;

/** What is left of the speed of `fetch` when each request is an event: made, checked, encoded, signed. */
export const inlineDeliveryRows: readonly Row[] = [{
  name: "inline delivery, signed, 64 in flight",
  against: "raw fetch, 64 in flight",
  budget: { atLeast: 0.55 },
  server: async (request) => {
    await request.arrayBuffer();
    return new Response(null, { status: 204 });
  },
  // The value is throughput, so it is the cost of the raw request that stands above.
  inside: (address) =>
    pairedRatio(timed(rawFetch(address)), timed(delivery(address)), { warmUp: 3 }),
}];

function delivery(url: string): () => Promise<unknown> {
  const secret = `whsec_${btoa("0123456789abcdef0123456789abcdef")}`;
  const hooks = createHooks();
  hooks.use(
    new WebhookHook({ name: "bench", events: [event.type], url, secret, concurrency: IN_FLIGHT }),
  );
  return () => hooks.emit(event.type, event.data, { sessionId: event.sessionId });
}

function rawFetch(url: string): () => Promise<unknown> {
  const body = encodeEvent(event);
  const headers = { "content-type": "application/json" };
  return async () => {
    const response = await fetch(url, { method: "POST", headers, body });
    if (!response.ok) throw new Error(`The receiver answered ${response.status}`);
    await response.body?.cancel();
  };
}

/** Sends so that always 64 are under way; the cost is the time that one takes of the whole. */
function timed(send: () => Promise<unknown>): Sample {
  return async () => {
    let left = REQUESTS;
    const lane = async () => {
      while (left-- > 0) await send();
    };
    const start = performance.now();
    await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
    return (performance.now() - start) / REQUESTS;
  };
}
