import { Hono } from "hono";
import * as v from "valibot";
import { createHooks } from "./mod.ts";
import { createHooksApp } from "./src/hono/mod.ts";
const which = Deno.args[0];
const token = "abcdefghijklmnopqrstuvwxyz0123456789abcdefg";
const hooks = createHooks();
hooks.on("tool.called", () => {});
const apps: any = {
  open: () => createHooksApp(hooks, { auth: false }),
  token: () => createHooksApp(hooks, { tokens: [{ name: "a", token, scopes: ["emit"] }] }),
  bare: () => {
    const S = v.object({
      type: v.pipe(v.string(), v.regex(/^[a-z0-9_]+(?:\.[a-z0-9_]+)*$/), v.maxLength(128)),
      session_id: v.optional(v.string()),
      timestamp: v.optional(v.string()),
      data: v.unknown(),
    });
    const bare = new Hono();
    bare.post("/events", async (c) => {
      const r = v.safeParse(S, await c.req.json());
      if (!r.success) return c.json({ error: "x" }, 422);
      return c.json({ ok: true }, 202);
    });
    return bare;
  },
};
const app = apps[which]();
const extra = which === "token" ? { authorization: `Bearer ${token}` } : {};
const body = JSON.stringify({
  type: "tool.called",
  session_id: "s-1",
  data: { name: "bash", params: { command: "ls -la /tmp" } },
});
const req = () =>
  new Request("http://localhost/events", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "content-length": String(body.length),
      ...extra,
    },
    body,
  });
for (let i = 0; i < 60000; i++) {
  const r = await app.fetch(req());
  await r.arrayBuffer();
}
