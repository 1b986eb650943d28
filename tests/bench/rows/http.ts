import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { requestId } from "hono/request-id";
import { secureHeaders } from "hono/secure-headers";
import * as v from "valibot";
import { createHooks, type Hooks } from "@omniagent/hooks";
import { createHooksApp } from "@omniagent/hooks/hono";
import { openStore } from "@omniagent/hooks/kv";
import { createOutbox } from "@omniagent/hooks/outbox";
import { inFolder } from "../../support/folder.ts";
import { loopSample, type Operation, pairedRatio } from "../sampler.ts";
import { event } from "./_event.ts";
import { concurrently } from "./_kv.ts";
import type { Row } from "./row.ts";

const TOKEN = "a-token-as-it-comes-from-openssl-rand-hex-24-bytes";
const IN_FLIGHT = 128;
const name = "POST /events";

/** The share of a request's speed that remains if it becomes an event; without sockets, which cost the most. */
export const httpRows: readonly Row[] = [{
  name,
  against: "a Hono route by hand that parses and checks the same",
  inside: () => pairedRatio(loopSample(poster(byHand())), loopSample(ours())),
}, {
  name,
  against: "the same route behind Hono's secureHeaders, requestId and bodyLimit",
  budget: { atLeast: 0.85 },
  inside: () => {
    const app = new Hono().use(secureHeaders(), requestId(), bodyLimit({ maxSize: 1024 * 1024 }));
    return pairedRatio(loopSample(poster(byHand(app))), loopSample(ours()));
  },
}, {
  name: `${name}, with a token`,
  against: "the same request, without a check of the token",
  budget: { atLeast: 0.85 },
  inside: () => pairedRatio(loopSample(ours()), loopSample(ours(TOKEN))),
}, {
  name: `${name}, stored first, ${IN_FLIGHT} in flight`,
  against: "not stored",
  runtimes: ["deno"],
  inside: () =>
    inFolder(async (folder) => {
      const store = await openStore(`${folder}/ours.db`);
      const hooks = createHooks({ outbox: createOutbox(store) });
      try {
        const requests = IN_FLIGHT * 8;
        const sample = (operation: Operation) =>
          concurrently(requests, IN_FLIGHT, () => operation() as Promise<unknown>);
        return await pairedRatio(sample(ours()), sample(ours(undefined, hooks)), { warmUp: 3 });
      } finally {
        await hooks.close();
        store.close();
      }
    }),
}];

function ours(token?: string, hooks: Hooks = createHooks()): Operation {
  hooks.on(event.type, () => {});
  const auth = token === undefined
    ? { auth: false as const }
    : { tokens: [{ name: "bench", token, scopes: ["emit" as const] }] };
  return poster(createHooksApp(hooks, auth));
}

/** A hand-written version of only this route, which rejects the same events. */
function byHand(app: Hono = new Hono()): Hono {
  const schema = v.object({
    type: v.pipe(v.string(), v.maxLength(128), v.regex(/^[a-z0-9_]+(?:\.[a-z0-9_]+)*$/)),
    id: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(256))),
    timestamp: v.optional(v.pipe(v.string(), v.isoTimestamp())),
    session_id: v.optional(v.pipe(v.string(), v.regex(/^[^\p{Cc}\p{Cs}]{0,256}$/u))),
    data: v.unknown(),
  });
  return app.post("/events", async (c) => {
    const result = v.safeParse(schema, await c.req.json().catch(() => undefined));
    if (!result.success) return c.json({ errors: result.issues.map((it) => it.message) }, 422);
    const receipt = { id: crypto.randomUUID(), deliveries: 0, duplicate: false };
    return c.json({ receipts: [receipt] }, 202);
  });
}

/** Posts, and reads the response. The body is bytes of a known length, as a server provides it. */
function poster(app: { fetch(request: Request): Response | Promise<Response> }): Operation {
  const { type, sessionId, data } = event;
  const body = new TextEncoder().encode(JSON.stringify({ type, session_id: sessionId, data }));
  const headers = {
    "content-type": "application/json",
    "content-length": String(body.length),
    "authorization": `Bearer ${TOKEN}`,
  };
  return async () => {
    const request = new Request("http://localhost/events", { method: "POST", headers, body });
    const response = await app.fetch(request);
    if (response.status !== 202) throw new Error(`The response was ${response.status}`);
    await response.arrayBuffer();
  };
}
