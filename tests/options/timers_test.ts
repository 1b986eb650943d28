import assert from "node:assert/strict";
import { createHooks, type DispatchError, HookTimeoutError } from "@omniagent/hooks";
import { createHooksApp } from "@omniagent/hooks/hono";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore, WebhookReceiver } from "@omniagent/hooks/testing";
import { mock, test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

const DAY = 86_400_000;
/** What a timer of every platform can hold. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Lets promises settle, without a timer. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await Promise.resolve();
}

test("a handler's timeout of 30 days passes after 30 days, and not before", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const hooks = createHooks<Record<string, unknown>>({ logger: silentLogger });
    let aborted = false;
    hooks.on("a.b", (_, { signal }) => {
      signal.addEventListener("abort", () => aborted = true);
      return new Promise<void>(() => {});
    }, { timeout: 30 * DAY });
    const emitted = hooks.emit("a.b", 1).then(() => undefined, (error: DispatchError) => error);
    await settle();
    mock.timers.tick(LONGEST_TIMER);
    await settle();
    mock.timers.tick(30 * DAY - LONGEST_TIMER - 1);
    await settle();
    assert.equal(aborted, false);
    mock.timers.tick(1);
    await settle();
    assert.equal(aborted, true);
    const [outcome] = (await emitted)!.receipt.handlers;
    assert.ok(outcome!.error instanceof HookTimeoutError, String(outcome!.error));
    await hooks.close();
  } finally {
    mock.timers.reset();
  }
});

for (const heartbeat of [30 * DAY, Infinity]) {
  test(`an event stream with a heartbeat of ${heartbeat} ms is not flooded`, async () => {
    const hooks = createHooks({
      logger: silentLogger,
      outbox: createOutbox(memoryStore(), { logger: silentLogger }),
    });
    const options = {
      auth: false,
      logger: silentLogger,
      heartbeat,
      pollInterval: heartbeat,
    } as const;
    const app = createHooksApp(hooks, options);
    const response = await app.request("/events/stream");
    const reader = response.body!.getReader();
    const decoder = new TextDecoder();
    let text = decoder.decode((await reader.read()).value);
    // What is accepted here is streamed at once, whatever the interval is; by then a flood would be there.
    for (let n = 0; n < 3; n++) {
      await hooks.emit("session.created", { session_id: "s", action: "created" });
      while (text.split("\ndata: ").length - 1 < n + 1) {
        text += decoder.decode((await reader.read()).value);
      }
    }
    assert.equal(text.split(": heartbeat").length - 1, 0);
    await reader.cancel();
    await hooks.close();
  });
}

test("waiting for a receiver without a limit, or for 30 days, doesn't give up immediately", async () => {
  for (const timeout of [30 * DAY, Infinity]) {
    const receiver = await WebhookReceiver.start();
    const waiting = receiver.waitFor(1, { timeout });
    await (await fetch(receiver.url, { method: "POST", body: "{}" })).text();
    await waiting;
    await receiver.close();
  }
});
