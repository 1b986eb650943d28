/**
 * An agent on Node.js whose events survive its process: they are stored in agent.db before `emit` resolves,
 * then sent to a signed webhook. What the webhook rejects now is retried when this runs again.
 *
 *   npx jsr add @omniagent/hooks
 *   export HOOKS_SECRET=$(node hooks.mjs secret)
 *   node hooks.mjs listen &
 *   node agent.mjs
 */
import process from "node:process";
import { createHooks, WebhookHook } from "@omniagent/hooks";
import { openStore } from "@omniagent/hooks/node";
import { createOutbox, drainOnSignal } from "@omniagent/hooks/outbox";

const { AUDIT_URL: url = "http://127.0.0.1:9000/", HOOKS_SECRET: secret } = process.env;

const store = await openStore("agent.db");
const hooks = createHooks({ outbox: createOutbox(store) });
hooks.use(new WebhookHook({ name: "audit", events: ["*"], url, ...(secret && { secret }) }));
hooks.on("message.received", (event) => console.log(`user: ${event.data.content}`));
drainOnSignal(hooks);

const session = { sessionId: "s-1" };
await hooks.emit("message.received", { role: "user", content: "What is due today?" }, session);
await hooks.emit("tool.called", { name: "calendar", params: { day: "today" } }, session);
await hooks.emit("message.sent", { role: "assistant", content: "Nothing: enjoy it." }, session);

await hooks.close(); // waits for running deliveries
store.close();
