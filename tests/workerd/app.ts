/**
 * A worker that serves the app, and the events that it received at /heard.
 * @module
 */
import { Hono } from "hono";
import { createHooks } from "@omniagent/hooks";
import { createHooksApp } from "@omniagent/hooks/hono";
import { SECRET } from "./shared.ts";

const hooks = createHooks();
const heard: unknown[] = [];
hooks.on("*", async ({ data }) => {
  await new Promise((resolve) => setTimeout(resolve, 50));
  heard.push(data);
});

const app = new Hono();
app.route(
  "/hooks",
  createHooksApp(hooks, {
    tokens: [{ name: "test", token: SECRET.slice("whsec_".length), scopes: ["admin"] }],
  }),
);
app.get("/heard", (c) => c.json(heard));

export default app;
