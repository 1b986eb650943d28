/**
 * Gates that are removed or replaced while decisions are made: a decision counts for the gates that judged it.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks, type HooksOptions } from "@omniagent/hooks";
import { allow, ask, deny } from "@omniagent/hooks/gates";
import { createOutbox } from "@omniagent/hooks/outbox";
import type { Store, StoreKey } from "@omniagent/hooks/store";
import { memoryStore } from "@omniagent/hooks/testing";
import { bindStore } from "../support/bind_store.ts";
import { deferred } from "../support/deferred.ts";
import { mock, test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { until } from "../support/until.ts";

const SESSION = { sessionId: "s-1" };

const strict = { name: "policy", handle: () => deny("Strict") };

function start(store: Store, options: HooksOptions = {}) {
  const outbox = createOutbox(store, { logger: silentLogger });
  const hooks = createHooks({ logger: silentLogger, ...options, outbox });
  const decide = (callId = "c-1") =>
    hooks.decide("tool.called", { name: "pay", call_id: callId }, SESSION);
  const call = (callId = "c-1") => hooks.call("pay", {}, () => "paid", { ...SESSION, callId });
  return { hooks, decide, call };
}

test("a decision that is made while its gate is replaced isn't one of the new gate", async () => {
  const store = memoryStore();
  const { hooks, decide, call } = start(store);
  const [called, ended] = [deferred<void>(), deferred<void>()];
  const old = hooks.gate("tool.called", {
    name: "policy",
    handle: async () => {
      called.resolve();
      await ended.promise;
      return allow();
    },
  });
  const first = decide();
  await called.promise;
  old.unregister();
  hooks.gate("tool.called", strict);
  ended.resolve();
  assert.equal((await first).decision, "allow", "the old gate judged it");
  assert.equal((await decide()).reason, "Strict");
  assert.notEqual(await call(), "paid");
  await hooks.close();

  // Nor does a process that was not there know it as one.
  const other = start(store);
  other.hooks.gate("tool.called", strict);
  assert.equal((await other.decide()).reason, "Strict");
  await other.hooks.close();
});

test("a gate that is away while the store is read judges what was decided meanwhile", async () => {
  const inner = memoryStore();
  let read: Promise<void> | undefined;
  const reading = deferred<void>();
  const { hooks, decide, call } = start({
    ...bindStore(inner),
    async getMany(keys: readonly StoreKey[]) {
      if (read !== undefined) reading.resolve();
      await read;
      return await inner.getMany(keys);
    },
  });
  const away = hooks.gate("tool.called", strict);
  await decide("c-0"); // reads nothing but the call's decision from now on
  const back = deferred<void>();
  read = back.promise;
  const first = decide();
  await reading.promise;
  away.unregister();
  read = undefined;
  back.resolve();
  const { decision, gates } = await first;
  assert.deepEqual([decision, gates.map(({ name }) => name)], ["deny", ["policy"]]);
  hooks.gate("tool.called", strict);
  assert.equal((await decide()).reason, "Strict");
  assert.notEqual(await call(), "paid");
  await hooks.close();
});

test("a decision of a gate that was replaced doesn't count when the clock was ahead", async () => {
  mock.timers.enable({ apis: ["Date"], now: 1_010_000 });
  try {
    const { hooks, decide, call } = start(memoryStore());
    const old = hooks.gate("tool.called", { name: "policy", handle: () => allow() });
    const { id, decision } = await decide();
    assert.equal(decision, "allow");
    mock.timers.setTime(1_000_000);
    hooks.gate("message.sent", { name: "other", handle: () => undefined }).unregister();
    assert.equal((await decide()).id, id, "its gate is still registered");
    old.unregister();
    hooks.gate("tool.called", strict);
    assert.equal((await decide()).reason, "Strict");
    assert.notEqual(await call(), "paid");
    await hooks.close();
  } finally {
    mock.timers.reset();
  }
});

const bounded = {
  name: "policy",
  handle: ({ data }: { readonly data: { readonly params?: unknown } }) => {
    const { amount } = data.params as { readonly amount: number };
    return amount > 100 ? deny("Too much") : ask("Pay?", { allow: ["allow", "edit"] });
  },
};

const EDITED = { name: "pay", call_id: "c-1", params: { amount: 1_000_000 } };

test("edited data isn't used while its gates are unregistered, even if they are unregistered while it is judged", async () => {
  const policies: { unregister(): void }[] = [];
  let edits = 0;
  // Edited data is validated when it is sent, and then right before gates judge it.
  const validate = (value: unknown) => {
    if ((value as typeof EDITED).params.amount > 100 && ++edits === 2) policies[0]!.unregister();
    return { value };
  };
  const { hooks } = start(memoryStore(), {
    schemas: { "tool.called": { "~standard": { version: 1, vendor: "test", validate } } } as never,
  });
  policies.push(hooks.gate("tool.called", bounded));
  const asked = new Promise<string>((resolve) =>
    hooks.on("gate.asked", ({ data }) => resolve(data.ask_id))
  );
  const called = hooks.call("pay", { amount: 5 }, () => "paid", { ...SESSION, callId: "c-1" });
  await hooks.asks.resolve(await asked, { decision: "edit", by: "ada", data: EDITED });
  await until(() => edits === 2);
  policies.push(hooks.gate("tool.called", bounded));
  const result = await called;
  assert.equal((result as { readonly reason: string }).reason, "Too much");
  await hooks.close();
});

test("without an outbox, data that was edited is denied once a gate that judged it is gone", async () => {
  for (const isGone of [false, true]) {
    const gone: { unregister(): void }[] = [];
    const hooks = createHooks({
      logger: silentLogger,
      gates: {
        onAsk: () => {
          if (isGone) gone[0]!.unregister();
          else hooks.gate("tool.called", { name: "more", handle: () => undefined });
          return { decision: "edit", data: EDITED };
        },
      },
    });
    gone.push(hooks.gate("tool.called", bounded));
    const called = hooks.call("pay", { amount: 5 }, () => "paid", { callId: "c-1" });
    const { reason } = await called as { readonly reason: string };
    const expected = "The edited data was not checked: its gates are not registered";
    assert.equal(reason, isGone ? expected : "Too much");
    await hooks.close();
  }
});
