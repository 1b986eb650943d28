import assert from "node:assert/strict";
import { createHooks, type EmitOptions, HooksClosedError } from "@omniagent/hooks";
import { createOutbox, type Outbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

const DATA = { name: "bash" };
const tx = { query: () => Promise.resolve([]) };

/** Hooks that note what their handler receives, and what `onError` receives. */
function quietHooks(outbox?: Outbox) {
  const handled: string[] = [];
  const errors: unknown[] = [];
  const hooks = createHooks({
    outbox,
    logger: false,
    onError: (error) => void errors.push(error),
  });
  hooks.on("*", ({ type }) => void handled.push(type));
  return { hooks, handled, errors };
}

function memoryOutbox(): Outbox {
  return createOutbox(memoryStore(), { logger: silentLogger });
}

test("emit() with 'tx' is rejected without an outbox, and with one on another store", async () => {
  const cases: readonly (readonly [outbox: Outbox | undefined, message: RegExp])[] = [
    [undefined, /^Cannot emit 'tool.called': 'tx' needs an outbox in PostgreSQL/],
    [memoryOutbox(), /the outbox's store must be a PostgresStore/],
  ];
  for (const [outbox, message] of cases) {
    const { hooks, handled } = quietHooks(outbox);
    await assert.rejects(hooks.emit("tool.called", DATA, { tx }), { name: "TypeError", message });
    assert.deepEqual(handled, []);
    assert.deepEqual((await outbox?.listEvents())?.items ?? [], []);
    await hooks.close();
  }
});

test("emit() rejects a 'tx' that can't be a transaction, and ignores undefined", async () => {
  const { hooks, handled } = quietHooks(memoryOutbox());
  for (const tx of [null, "BEGIN", 1, true]) {
    const options = { tx } as unknown as EmitOptions;
    await assert.rejects(hooks.emit("tool.called", DATA, options), {
      name: "TypeError",
      message: /^Cannot emit 'tool.called': 'tx' must be an open transaction, got /,
    });
  }
  await hooks.emit("tool.called", DATA, { tx: undefined } as EmitOptions);
  assert.deepEqual(handled, ["tool.called"]);
  await hooks.close();
});

test("emitInBackground() with 'tx' reports a TypeError, and emits nothing", async () => {
  const { hooks, handled, errors } = quietHooks(memoryOutbox());
  hooks.emitInBackground("tool.called", DATA, { tx } as EmitOptions);
  await hooks.drain();
  assert.match(String(errors[0]), /'tx' can't be used in the background, .* Use 'await hooks.emit/);
  assert.deepEqual(handled, []);
  await hooks.close();
});

test("decide(), call() and dispatch() take no 'tx'", async () => {
  const { hooks, handled } = quietHooks(memoryOutbox());
  const options = { tx } as object;
  const recorded = { name: "TypeError", message: /a decision is recorded before anything happens/ };
  await assert.rejects(hooks.decide("tool.called", DATA, options), recorded);
  await assert.rejects(hooks.call("bash", {}, () => "ran", options), recorded);
  const event = { id: "e-1", type: "tool.called", timestamp: new Date(), data: DATA };
  await assert.rejects(hooks.registry.dispatch(event, options), /unknown option 'tx'/);
  assert.deepEqual(handled, []);
  await hooks.close();
});

test("after close(), emit() with 'tx' is rejected as any other", async () => {
  const { hooks } = quietHooks(memoryOutbox());
  await hooks.close();
  await assert.rejects(hooks.emit("tool.called", DATA, { tx }), HooksClosedError);
});
