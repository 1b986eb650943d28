/**
 * The agent that the soak of gates starts and kills: calls a tool with two gates in the process and one
 * over HTTP. The tool writes what it was called with to a file, before anything else can happen.
 * @module
 */
import { createHooks } from "@omniagent/hooks";
import { deny } from "@omniagent/hooks/gates";
import { createOutbox } from "@omniagent/hooks/outbox";
import { WebhookGate } from "@omniagent/hooks/webhook";
import { openStore } from "../open_store.ts";
import { isDenied, type Orders } from "./orders.ts";

const { path, url, secret, ran, ended, from, to }: Orders = JSON.parse(Deno.args[0]!);
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const store = await openStore(path);
const hooks = createHooks({
  outbox: createOutbox(store, { logger: silent }),
  logger: silent,
  gates: { required: ["mark", "parity", "remote"] },
});
hooks.gate("tool.called", {
  name: "mark",
  kind: "rewrite",
  handle: ({ data }) => ({ ...data, params: { ...data.params, marked: true } }),
});
hooks.gate("tool.called", {
  name: "parity",
  handle: ({ data }) => isDenied("parity", Number(data.params?.n)) ? deny("parity") : undefined,
});
hooks.use(
  new WebhookGate({
    name: "remote",
    events: ["tool.called"],
    url,
    secret,
    timeout: 1_000,
  }),
);
const encoder = new TextEncoder();
const tool = await Deno.open(ran, { append: true, create: true });
const done = await Deno.open(ended, { append: true, create: true });
/** Calls in progress at once. */
const CALLERS = 8;
let next = from;
await Promise.all(Array.from({ length: CALLERS }, async () => {
  while (next < to) {
    const n = next++;
    const callId = `c-${n}`;
    const run = (params: object, { decisionId }: { readonly decisionId: string }): string => {
      tool.writeSync(encoder.encode(`${JSON.stringify({ n, decisionId, params })}\n`));
      return "ran";
    };
    const result = await hooks.call("work", { n }, run, { sessionId: "soak", callId });
    done.writeSync(encoder.encode(`${JSON.stringify({ n, ran: result === "ran" })}\n`));
  }
}));
await hooks.close();
store.close();
