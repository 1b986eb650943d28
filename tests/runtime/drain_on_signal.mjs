/**
 * An agent that is sent a signal while a delivery is under way that never ends. Its argument: whether it
 * has one at all.
 * @module
 */
import process, { argv } from "node:process";
import { createHooks, WebhookHook } from "@omniagent/hooks";
import { createOutbox, drainOnSignal } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";

const store = memoryStore();
const hooks = createHooks({ outbox: createOutbox(store) });
hooks.use(
  new WebhookHook({
    name: "endless",
    events: ["*"],
    url: "http://127.0.0.1/",
    fetch: (_, { signal }) =>
      new Promise((_, reject) => {
        console.log("ready");
        signal.addEventListener("abort", () => reject(signal.reason));
      }),
  }),
);
drainOnSignal(hooks, { exit: (code) => report().then(() => process.exit(code)) });
await hooks.init();
setInterval(() => {}, 1000); // something that keeps the process alive, as a server would
if (argv[2] === "busy") await hooks.emit("tool.called", { name: "bash", params: {} });
else console.log("ready");

/** What is left in the store. */
async function report() {
  for await (const { value } of store.list({ prefix: ["hooks", "due"] })) {
    console.log(JSON.stringify({ until: value.until, claims: value.claims }));
  }
}
