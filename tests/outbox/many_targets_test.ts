/**
 * An outbox with more targets than one event can go to.
 * @module
 */
import { createHooks, WebhookHook } from "@omniagent/hooks";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { upTo } from "../support/event_ids.ts";

const WEBHOOKS = 1_000;
/** What one commit of a Deno KV takes: 1,000 changes, of which an event needs one and a delivery two. */
const MOST = 499;

/** Hooks with 1,000 webhooks, of which each gets what names it, and everything else as `events` say. */
function open(events: (n: number) => readonly string[], takes = () => 204) {
  const sent: string[] = [];
  const store = memoryStore();
  const outbox = createOutbox(store, { logger: silentLogger });
  const hooks = createHooks({ outbox, logger: silentLogger });
  const registrations = hooks.use(
    ...upTo(WEBHOOKS).map((n) =>
      new WebhookHook({
        name: `webhook-${n}`,
        events: events(n),
        url: "https://example.com/",
        concurrency: 4,
        fetch: () => {
          sent.push(`webhook-${n}`);
          return Promise.resolve(new Response(null, { status: takes() }));
        },
      })
    ),
  );
  return { sent, store, outbox, hooks, registrations };
}

test("an outbox with 1,000 webhooks delivers to the one that an event is for", async () => {
  const { sent, hooks, outbox, store, registrations } = open((n) =>
    n === 700 ? ["tool.called"] : ["job.executed"]
  );
  assert.equal(registrations.length, WEBHOOKS);
  const { deliveries } = await hooks.emit("tool.called", { name: "bash" });
  await outbox.drainOnce({ timeout: 60_000 });
  await hooks.close();
  assert.deepEqual([deliveries, sent], [1, ["webhook-700"]]);
  store.close();
});

test("an event is delivered to as many targets as one commit can hold", async () => {
  const { sent, hooks, outbox, store } = open((n) => n < MOST ? ["tool.called"] : ["job.executed"]);
  const { deliveries } = await hooks.emit("tool.called", { name: "bash" });
  assert.equal(deliveries, MOST);
  while ((await outbox.drainOnce({ timeout: 60_000 })).remaining);
  await hooks.close();
  assert.equal(new Set(sent).size, MOST);
  assert.equal(sent.length, MOST);
  store.close();
});

test("an event for more targets than one commit can hold is rejected with the maximum", async () => {
  const { sent, hooks, store } = open(() => ["*"]);
  await assert.rejects(hooks.emit("tool.called", { name: "bash" }), {
    code: "store_limit",
    message:
      `Cannot publish 'tool.called' to 1000 targets: an event and all of its deliveries are stored in ` +
      `one commit, and this store takes ${MOST} of them at most. Narrow the 'events' or 'filter' of ` +
      `these webhooks, or spread them over several outboxes`,
  });
  await hooks.close();
  assert.deepEqual(sent, []);
  store.close();
});

test("the outbox's own events go to at most 256 targets, and don't keep a delivery from being settled", async () => {
  const { hooks, outbox, store } = open(
    (n) => n === 0 ? ["tool.called"] : ["delivery.dead"],
    () => 400,
  );
  const { id } = await hooks.emit("tool.called", { name: "bash" });
  await hooks.close();
  assert.equal((await outbox.get("webhook-0", id))?.state, "dead");
  const { items: [own] } = await outbox.listEvents({ type: "delivery.dead" });
  assert.equal(own?.targets.length, 256);
  store.close();
});
