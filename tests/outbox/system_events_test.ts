import { type AgentEvents, createHooks, fixedRetry, WebhookHook } from "@omniagent/hooks";
import { createOutbox, type OutboxEvents } from "@omniagent/hooks/outbox";
import { memoryStore, WebhookReceiver } from "@omniagent/hooks/testing";
import assert from "node:assert/strict";
import { deferred } from "../support/deferred.ts";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

const BASH = { name: "bash" };

test("handlers and webhooks receive 'delivery.dead' and 'webhook.disabled'", async () => {
  const receiver = await WebhookReceiver.start({ status: 400 }, { status: 410 });
  const outbox = createOutbox(memoryStore(), { logger: silentLogger });
  const hooks = createHooks<AgentEvents & OutboxEvents>({ logger: silentLogger, outbox });
  const dead = deferred<OutboxEvents["delivery.dead"]>();
  const disabled = deferred<OutboxEvents["webhook.disabled"]>();
  const deadEvent = deferred<unknown>();
  const disabledEvent = deferred<unknown>();
  hooks.on("delivery.dead", ({ data }) => dead.resolve(data));
  hooks.on("webhook.disabled", ({ data }) => disabled.resolve(data));
  hooks.use({
    name: "operator",
    events: ["delivery.*", "webhook.*"],
    durable: true,
    handle: ({ type, data }) =>
      (type === "delivery.dead" ? deadEvent : disabledEvent).resolve(data),
  });
  const retry = fixedRetry({ delay: 0, retries: 0, jitter: 0 });
  const { url } = receiver;
  hooks.use(new WebhookHook({ name: "dies", events: ["tool.called"], url: `${url}?dies`, retry }));
  hooks.use(new WebhookHook({ name: "ends", events: ["job.executed"], url: `${url}?ends`, retry }));
  try {
    const { id } = await hooks.emit("tool.called", BASH);
    const letter = { target: "dies", event_id: id, reason: "the response was 400" };
    assert.deepEqual(await dead.promise, letter);
    assert.deepEqual(await deadEvent.promise, letter);

    await hooks.emit("job.executed", { job_id: "1", job_name: "x", success: true });
    const end = await disabled.promise;
    assert.equal(end.target, "ends");
    assert.match(end.reason, /^the receiver responded 410; .* gone after 30 days$/);
    assert.deepEqual(await disabledEvent.promise, end);
    assert.equal((await outbox.endpoint("ends")).state, "off");
    const types = (await outbox.listEvents()).items.map(({ event }) => event.type).sort();
    assert.deepEqual(types, ["delivery.dead", "job.executed", "tool.called", "webhook.disabled"]);
  } finally {
    await hooks.close();
    await receiver.close();
  }
});
