import { Hono } from "hono";
import * as v from "valibot";
import { createHooks, type HooksOptions } from "@omniagent/hooks";
import { createHooksApp } from "@omniagent/hooks/hono";
import { openStore } from "@omniagent/hooks/kv";
import { createOutbox } from "@omniagent/hooks/outbox";
import { loopSample, type Operation, pairedRatio } from "../sampler.ts";
import { event } from "./_event.ts";
import { lanes, withFolder } from "./_kv.ts";
import type { Row } from "./row.ts";

const TOKEN = "a-token-as-it-comes-from-openssl-rand-hex-24-bytes";
const IN_FLIGHT = 128;
const name = "POST /events";

/** What of a request's speed is left when it becomes an event; without sockets, which cost more than all. */
export const httpRows: readonly Row[] = [{
  name,
  against: "a bare Hono route that parses and checks the same",
  budget: { atLeast: 0.7 },
  inside: () => pairedRatio(loopSample(bare()), loopSample(ours({}))),
}, {
  name: `${name}, with a token`,
  against: "without",
  budget: { atLeast: 0.85 },
  inside: () => pairedRatio(loopSample(ours({})), loopSample(ours({}, TOKEN))),
}, {
  name: `${name}, stored first, ${IN_FLIGHT} in flight`,
  against: "not stored",
  runtimes: ["deno"],
  inside: () =>
    withFolder(async (folder) => {
      const store = await openStore(`${folder}/ours.db`);
      try {
        const stored = ours({ outbox: createOutbox(store) });
        const requests = IN_FLIGHT * 8;
        const sample = (operation: Operation) =>
          lanes(requests, IN_FLIGHT, () => operation() as Promise<unknown>);
        return await pairedRatio(sample(ours({})), sample(stored), { warmUp: 3 });
      } finally {
        store.close();
      }
    }),
}];

function ours(options: HooksOptions, token?: string): Operation {
  const hooks = createHooks(options);
  hooks.on(event.type, () => {});
  const auth = token === undefined
    ? { auth: false as const }
    : { tokens: [{ name: "bench", token, scopes: ["emit" as const] }] };
  const app = createHooksApp(hooks, auth);
  return poster(app, token === undefined ? {} : { authorization: `Bearer ${token}` });
}

function bare(): Operation {
  const schema = v.object({
    type: v.pipe(v.string(), v.regex(/^[a-z0-9_]+(?:\.[a-z0-9_]+)*$/), v.maxLength(128)),
    session_id: v.optional(v.pipe(v.string(), v.maxLength(256))),
    data: v.unknown(),
  });
  const app = new Hono();
  app.post("/events", async (c) => {
    const result = v.safeParse(schema, await c.req.json());
    return result.success ? c.json({ ok: true }, 202) : c.json({ ok: false }, 422);
  });
  return poster(app, {});
}

/** Posts, and reads the answer. */
function poster(
  app: { fetch(request: Request): Response | Promise<Response> },
  extra: Readonly<Record<string, string>>,
): Operation {
  const body = JSON.stringify({ type: event.type, session_id: event.sessionId, data: event.data });
  const headers = {
    "content-type": "application/json",
    "content-length": String(body.length), // as a server gives it
    ...extra,
  };
  return async () => {
    const request = new Request("http://localhost/events", { method: "POST", headers, body });
    const response = await app.fetch(request);
    if (response.status !== 202) throw new Error(`The answer was ${response.status}`);
    await response.arrayBuffer();
  };
}
