/**
 * Sends signed events to a webhook, with retries. Start examples/webhook_receive.ts first: it prints the
 * command, with the shared secret.
 *
 *     WEBHOOK_SECRET=whsec_… deno run -A examples/webhook_send.ts
 */
import process from "node:process";
import { createHooks, DispatchError, WebhookHook } from "@omniagent/hooks";

const { WEBHOOK_URL = "http://127.0.0.1:9000/", WEBHOOK_SECRET } = process.env;
if (!WEBHOOK_SECRET) {
  console.error("Set WEBHOOK_SECRET to the secret that examples/webhook_receive.ts printed");
  process.exit(2);
}

const hooks = createHooks();
hooks.use(
  new WebhookHook({
    name: "example",
    events: ["tool.*", "agent.end"],
    url: WEBHOOK_URL,
    secret: WEBHOOK_SECRET,
    retryCount: 2, // three attempts, a second apart
    filter: { type: ["tool.called", "agent.end"] },
  }),
);

try {
  const session = { sessionId: "s-1" };
  await hooks.emit("message.received", { role: "user", content: "hello" }, session); // no subscriber
  await hooks.emit("tool.called", { name: "bash", params: { command: "ls" } }, session);
  await hooks.emit("tool.completed", { name: "bash", result: "README.md" }, session); // filtered
  await hooks.emit("agent.end", { success: true, aborted: false, duration_ms: 1200 }, session);
  console.log("Delivered: tool.called, agent.end");
} catch (error) {
  if (!(error instanceof DispatchError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await hooks.close();
}
