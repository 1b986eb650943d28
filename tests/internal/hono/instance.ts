/**
 * An instance of a server, in a process of its own: the app over a file of Deno KV, with a clock that is
 * wrong by some milliseconds. Prints its port, and serves until it is killed.
 * @module
 */
import { Hono } from "hono";
import { createHooks } from "@omniagent/hooks";
import { createHooksApp } from "@omniagent/hooks/hono";
import { openStore } from "@omniagent/hooks/kv";
import { createOutbox } from "@omniagent/hooks/outbox";

const [path, port, skew] = Deno.args;
const now = Date.now;
Date.now = () => now() + Number(skew);

const store = await openStore(path!);
const hooks = createHooks({ outbox: createOutbox(store) });
const app = new Hono();
app.route("/hooks", createHooksApp(hooks, { auth: false, pollInterval: 100, heartbeat: 600_000 }));
app.get("/memory", (c) => c.json(Deno.memoryUsage()));
app.post("/close", async (c) => {
  await hooks.close();
  return c.text("");
});
const options = { hostname: "127.0.0.1", port: Number(port), onListen: () => {} };
const server = Deno.serve(options, (request) => app.fetch(request));
console.log(server.addr.port);
