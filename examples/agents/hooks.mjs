/**
 * The hooks of all programs in this folder: a policy, and a webhook that loses no event. An agent calls three
 * tools: one is observed, one is denied, and one is approved by a person.
 *
 *   node ai_sdk.mjs
 *
 * With HOOKS_URL, its events are stored in agent.db, and sent to a server with retries:
 *
 *   HOOKS_TOKEN=… npx hooks serve &
 *   HOOKS_TOKEN=… HOOKS_URL=http://127.0.0.1:8787 node ai_sdk.mjs
 */
import process from "node:process";
import { createHooks, WebhookHook } from "@omniagent/hooks";
import { ask, deny } from "@omniagent/hooks/gates";
import { createOutbox } from "@omniagent/hooks/outbox";
import { openStore } from "@omniagent/hooks/sqlite";
import { memoryStore } from "@omniagent/hooks/testing";

const { HOOKS_URL, HOOKS_TOKEN } = process.env;

/** What the agents do in their turn. */
export const prompt = "Look up invoice 7, delete it, and pay it.";
export const calls = ["look_up", "delete", "pay"].map((verb, number) => ({
  id: `call_${number}`,
  name: `${verb}_invoice`,
  params: { invoice: 7 },
}));
export const tools = {
  look_up_invoice: ({ invoice }) => `Invoice ${invoice}: 120 dollars`,
  delete_invoice: ({ invoice }) => `Deleted invoice ${invoice}`,
  pay_invoice: ({ invoice }) => `Paid invoice ${invoice}`,
};
export const answer = "The invoice is paid. It can't be deleted.";

/** Opens hooks. With HOOKS_URL, their events are stored, and sent to `hooks serve` with retries. */
export async function openHooks() {
  const store = HOOKS_URL ? await openStore("agent.db") : memoryStore();
  const outbox = createOutbox(store);
  const hooks = createHooks({ outbox });
  if (HOOKS_URL) {
    const headers = { authorization: `Bearer ${HOOKS_TOKEN}` };
    hooks.use(
      new WebhookHook({ name: "server", events: ["*"], url: `${HOOKS_URL}/events`, headers }),
    );
  }

  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data }) => {
      if (data.name === "delete_invoice") return deny("Invoices are kept for ten years");
      if (data.name === "pay_invoice") return ask(`Pay invoice ${data.params.invoice}?`);
    },
  });
  // In life, a person responds in the console, in Slack, or through a link.
  hooks.on("gate.asked", async ({ data }) => {
    await hooks.asks.resolve(data.ask_id, { decision: "allow", by: "examples/agents" });
  });
  hooks.on(
    "tool.*",
    ({ type, data }) => console.log(type, data.name, data.reason ?? data.result ?? ""),
  );

  const close = async () => {
    await outbox.drainOnce({ timeout: 10_000 }); // what fails now is sent when this runs again
    await hooks.close();
    store.close();
  };
  return { hooks, close };
}
