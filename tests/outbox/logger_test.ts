import assert from "node:assert/strict";
import { createHooks, type Logger, WebhookHook } from "@omniagent/hooks";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { test } from "../support/harness.ts";

test("a logger that fails does not stop deliveries after an error of the store", async () => {
  const store = memoryStore();
  const list = store.list.bind(store);
  let isBroken = true;
  let logged!: () => void;
  const reported = new Promise<void>((resolve) => logged = resolve);
  const warn = () => {
    isBroken = false;
    logged();
    throw new Error("the disk is full");
  };
  const broken = (...args: Parameters<typeof list>) => {
    if (isBroken) throw new TypeError("no store"); // which is not tried again
    return list(...args);
  };
  const logger: Logger = { debug() {}, info() {}, warn, error() {} };
  let sent!: () => void;
  const delivered = new Promise<void>((resolve) => sent = resolve);
  const fetch = () => {
    sent();
    return Promise.resolve(new Response());
  };
  const outbox = createOutbox(Object.assign(store, { list: broken }), { logger });
  const url = "https://hooks.example.com/";
  const hooks = createHooks({
    outbox,
    use: [new WebhookHook({ name: "a", events: ["*"], url, fetch })],
  });
  await hooks.init();
  await reported;
  await hooks.emit("tool.called", { name: "bash" });
  await delivered;
  await hooks.close();
});

test("an outbox without a logger uses the logger of its hooks", async () => {
  const lines: string[] = [];
  let reported!: () => void;
  const logged = new Promise<void>((resolve) => reported = resolve);
  const error = (...data: unknown[]) => (lines.push(String(data[0])), reported());
  const hooks = createHooks({
    logger: { debug() {}, info() {}, warn() {}, error },
    outbox: createOutbox(memoryStore()),
    use: [
      new WebhookHook({
        name: "audit",
        events: ["*"],
        url: "https://hooks.example.com/",
        fetch: () => Promise.resolve(new Response(null, { status: 400 })),
      }),
    ],
  });
  await hooks.emit("tool.called", { name: "bash" });
  await logged;
  await hooks.close();
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /^A delivery to 'audit' is dead after 1 attempt: the response was 400\./);
});
