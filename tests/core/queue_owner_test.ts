import assert from "node:assert/strict";
import type { QueueHost } from "@omniagent/hooks/outbox";
import { deferred } from "../support/deferred.ts";
import { test } from "../support/harness.ts";
import { BASH, fakeHook, FakeQueue, quietHooks, turn, withClock } from "./_fakes.ts";

/** A queue that says when it is taken, and when it is let go. */
class OwnedQueue extends FakeQueue {
  connect(_host: QueueHost): { unregister(): void } {
    this.log.push("taken");
    const unregister = (): void => void this.log.push("let go");
    return { unregister };
  }
}

test("createHooks() acquires a queue, and releases it when its hooks are closed", async () => {
  const outbox = new OwnedQueue();
  const hooks = quietHooks({ outbox, use: [fakeHook(outbox.log, "a", { durable: true })] });
  await hooks.init();
  await hooks.close();
  assert.deepEqual(outbox.log, [
    ...["taken", "register a", "a opens", "start"],
    ...["stop", "stop", "a closes", "unregister a", "let go"],
  ]);
});

test("a failed createHooks() releases its queue", () => {
  const outbox = new OwnedQueue();
  const named = (): ReturnType<typeof fakeHook> => fakeHook([], "a", { durable: true });
  assert.throws(() => quietHooks({ outbox, use: [named(), named()] }), /the name is taken/);
  assert.deepEqual(outbox.log, ["taken", "register a", "unregister a", "let go"]);
  assert.throws(() => quietHooks({ outbox, use: {} as never }), /'use' must be a list/);
  assert.equal(outbox.log.length, 4); // it was not even asked
});

test("a queue is stopped before it is released, even if close() timed out", async () => {
  await withClock(async (pass) => {
    const outbox = new OwnedQueue();
    const gate = deferred();
    const hooks = quietHooks({ outbox, closeTimeout: 10_000 });
    hooks.on("tool.called", () => gate.promise);
    const emitted = assert.rejects(hooks.emit("tool.called", BASH));
    await turn();
    const closed = assert.rejects(hooks.close(), { code: "hook_close_failed" });
    await pass(10_000);
    await Promise.all([closed, emitted]);
    gate.resolve();
    await turn();
    assert.deepEqual(outbox.log.slice(2), ["publish tool.called to []", "stop", "stop", "let go"]);
  });
});
