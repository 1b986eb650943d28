import { Hono } from "hono";
import * as v from "valibot";
import { createHooks } from "./mod.ts";
import { createHooksApp } from "./src/hono/mod.ts";
import { compare } from "./tests/bench/sampler.ts";
const token = "abcdefghijklmnopqrstuvwxyz0123456789abcdefg";
const hooks = createHooks();
hooks.on("tool.called", () => {});
const logger = { debug() {}, info() {}, warn() {}, error() {} };
const open = createHooksApp(hooks, { auth: false });
const closed = createHooksApp(hooks, { tokens: [{ name: "a", token, scopes: ["emit"] }] });
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
const body = JSON.stringify({
  type: "tool.called",
  session_id: "s-1",
  data: { name: "bash", params: { command: "ls -la /tmp" } },
});
const req = (extra = {}) =>
  new Request("http://localhost/events", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "content-length": String(body.length),
      ...extra,
    },
    body,
  });
const post = (app: any, extra = {}) => async () => {
  const r = await app.fetch(req(extra));
  await r.arrayBuffer();
};
console.log(
  "request alone us",
  await (async () => {
    const t = performance.now();
    for (let i = 0; i < 20000; i++) req();
    return (performance.now() - t) / 20;
  })(),
);
for (
  const [n, f] of [["bare", post(bare)], ["open", post(open)], [
    "token",
    post(closed, { authorization: `Bearer ${token}` }),
  ]] as const
) {
  for (let i = 0; i < 5000; i++) await f();
  const t = performance.now();
  for (let i = 0; i < 10000; i++) await f();
  console.log(n, (performance.now() - t) / 10, "us");
}
console.log("bare/open", await compare(post(bare), post(open)));
console.log(
  "open/token",
  await compare(post(open), post(closed, { authorization: `Bearer ${token}` })),
);
