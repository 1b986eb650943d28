/**
 * A program with an outbox that forgets `close`: it emits, and that is all. Its arguments: the database
 * file, and what its webhook does.
 * @module
 */
import process, { argv } from "node:process";
import { createHooks, fixedRetry, WebhookHook } from "@omniagent/hooks";
import { createOutbox, drainOnSignal } from "@omniagent/hooks/outbox";

const { openStore } = await import(
  typeof Deno === "undefined" ? "@omniagent/hooks/node" : "@omniagent/hooks/kv"
);
const [file, how] = argv.slice(2);
const delay = how === "retries in an hour" ? 3_600_000 : 1_500;
let attempts = 0;
const webhook = new WebhookHook({
  name: "w",
  events: ["*"],
  url: "http://127.0.0.1/",
  concurrency: 2,
  retry: fixedRetry({ delay, retries: 3 }),
  fetch: async () => {
    attempts++;
    await new Promise((resolve) => setTimeout(resolve, 20));
    return new Response(null, {
      status: how.startsWith("retries") && attempts === 1 ? 503 : 204,
    });
  },
});
const hooks = createHooks({
  outbox: createOutbox(await openStore(file)),
  use: [webhook],
});
if (how === "waits for a signal") drainOnSignal(hooks);
const events = how === "has more than its slots" ? 20 : 1;
for (let n = 0; n < events; n++) {
  void hooks.emit("tool.called", { name: "bash" });
}
process.on("exit", () => console.log(`${attempts} attempts`));
