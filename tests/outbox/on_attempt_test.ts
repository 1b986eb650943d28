import assert from "node:assert/strict";
import { createHooks, scheduleRetry, WebhookHook } from "@omniagent/hooks";
import { type AttemptReport, createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

test("onAttempt reports each attempt, and when the delivery is retried; its errors are ignored", async () => {
  const reports: AttemptReport[] = [];
  let done = (): void => {};
  const finished = new Promise<void>((resolve) => done = resolve);
  const outbox = createOutbox(memoryStore(), {
    logger: silentLogger,
    onAttempt: (report) => {
      reports.push(report);
      if (reports.length === 2) done();
      throw new Error("ignored");
    },
  });
  const statuses = [503, 200];
  const webhook = new WebhookHook({
    name: "audit",
    events: ["*"],
    url: "https://audit.example/",
    retry: scheduleRetry([1]),
    fetch: () => Promise.resolve(new Response(null, { status: statuses.shift()! })),
  });
  const hooks = createHooks({ outbox, use: [webhook], logger: silentLogger });
  const { id } = await hooks.emit("tool.called", { name: "bash" });
  await finished;
  await hooks.close();
  const [first, second] = reports;
  assert.deepEqual([first!.target, first!.eventId, first!.type], ["audit", id, "tool.called"]);
  assert.deepEqual(reports.map(({ number }) => number), [1, 2]);
  assert.deepEqual(reports.map(({ attempt }) => attempt.verdict), ["retry", "delivered"]);
  assert.ok(first!.retryAt instanceof Date);
  assert.equal(second!.retryAt, undefined);
  const wrong = { onAttempt: "log" as unknown as () => void };
  assert.throws(() => createOutbox(memoryStore(), wrong), {
    name: "TypeError",
    message: /onAttempt/,
  });
});
