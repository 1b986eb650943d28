import { createHooks, defineHook } from "@omniagent/hooks";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";

const BASH = { name: "bash" };

/** A durable hook, and what resolves when it was called. */
function listener() {
  let called!: () => void;
  const received = new Promise<void>((resolve) => called = resolve);
  return {
    received,
    hook: defineHook({ name: "audit", events: ["*"], durable: true, handle: called }),
  };
}

test("an outbox belongs to one createHooks() at a time, and close() does not affect another's", async () => {
  const outbox = createOutbox(memoryStore());
  const first = createHooks({ outbox, use: [listener().hook] });
  await first.init();
  const { hook, received } = listener();
  assert.throws(() => createHooks({ outbox, use: [hook] }), {
    name: "TypeError",
    message:
      "Cannot create hooks: the outbox is used by other hooks. Close them first, or create " +
      "another outbox over the same store",
  });
  await first.close();

  const second = createHooks({ outbox, use: [hook] });
  await second.init();
  await first.close(); // once more: the outbox is not theirs
  assert.throws(() => createHooks({ outbox }), /used by other hooks/);
  await second.emit("tool.called", BASH);
  await received;
  await second.close();
});

test("drainOnce() of hooks that are never opened sends what earlier hooks left", async () => {
  const outbox = createOutbox(memoryStore());
  const failing = defineHook({
    name: "audit",
    events: ["*"],
    durable: true,
    retry: { delay: () => 0, total: 0 },
    handle: () => Promise.reject(new Error("down")),
  });
  const first = createHooks({ outbox, use: [failing] });
  const { id } = await first.emit("tool.called", BASH);
  await first.close();
  assert.equal((await outbox.get("audit", id))?.state, "pending");

  const { hook, received } = listener();
  const second = createHooks({ outbox, use: [hook] });
  assert.equal((await outbox.drainOnce({ timeout: 50_000 })).settled, 1);
  await received;
  await second.close();
});

test("an outbox can be used again after createHooks() threw", async () => {
  const outbox = createOutbox(memoryStore());
  assert.throws(() => createHooks({ outbox, use: [{} as never] }), /Cannot register hook/);
  await createHooks({ outbox }).close();
});
