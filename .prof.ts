import { createHooks } from "./mod.ts";
import { createHooksApp } from "./src/hono/mod.ts";
const hooks = createHooks();
hooks.on("tool.called", () => {});
const open = createHooksApp(hooks, { auth: false });
const body = JSON.stringify({
  type: "tool.called",
  session_id: "s-1",
  data: { name: "bash", params: { command: "ls -la /tmp" } },
});
const req = () =>
  new Request("http://localhost/events", {
    method: "POST",
    headers: { "content-type": "application/json", "content-length": String(body.length) },
    body,
  });
for (let i = 0; i < 40000; i++) {
  const r = await open.fetch(req());
  await r.arrayBuffer();
}
