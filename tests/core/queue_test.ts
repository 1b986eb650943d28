import assert from "node:assert/strict";
import { decodeEvent, encodeEvent, type Receipt } from "@omniagent/hooks";
import type { QueueHost } from "@omniagent/hooks/outbox";
import { deferred } from "../support/deferred.ts";
import { test } from "../support/harness.ts";
import { BASH, fakeHook, FakeQueue, fakeWebhook, quietHooks, turn } from "./_fakes.ts";

const broken = new Error("no disk");
const duplicate: Receipt = { id: "the-first-one", deliveries: 0, duplicate: true, handlers: [] };

test("an event is published for all targets at once, in one batch, before the first handler runs", async () => {
  const log: string[] = [];
  const outbox = new FakeQueue(log);
  const stored = deferred();
  outbox.store = async ({ event, to }) => {
    await stored.promise;
    log.push("stored");
    return { id: event.id, deliveries: to.length, duplicate: false, handlers: [] };
  };
  const hooks = quietHooks({ outbox });
  hooks.on("tool.called", () => void log.push("handler"), { priority: 1 });
  hooks.use(
    fakeWebhook(log, "w"),
    fakeHook(log, "d", { durable: true }),
    fakeHook(log, "plain"),
    fakeWebhook(log, "v"),
  );
  await hooks.init();
  log.length = 0;
  const emitted = hooks.emit("tool.called", BASH, { sessionId: "s-1" });
  await turn();
  assert.deepEqual(log, ["publish tool.called to [w,d,v]"]);
  stored.resolve();
  const receipt = await emitted;
  assert.deepEqual(log.slice(1), ["stored", "handler", "plain receives tool.called"]);
  assert.equal(outbox.batches.length, 1);
  const { event, ...rest } = outbox.batches[0]![0]!;
  assert.deepEqual(rest, { fresh: true, to: ["w", "d", "v"] }, "no key that was not given");
  assert.deepEqual(decodeEvent(encodeEvent(event)), event);
  assert.deepEqual([event.id, event.sessionId, event.data], [receipt.id, "s-1", BASH]);
  assert.deepEqual(receipt, {
    id: event.id,
    deliveries: 3,
    duplicate: false,
    handlers: [{ name: "tool.called", ok: true }, { name: "plain", ok: true }],
  });
});

test("an event is published even if no target receives it, also by emitInBackground()", async () => {
  const outbox = new FakeQueue();
  const hooks = quietHooks({ outbox, use: [fakeWebhook([], "w", { events: ["agent.end"] })] });
  assert.equal((await hooks.emit("tool.called", BASH)).deliveries, 0);
  hooks.emitInBackground("tool.completed", BASH);
  await hooks.drain();
  assert.deepEqual(outbox.log.slice(2), [
    "publish tool.called to []",
    "publish tool.completed to []",
  ]);
});

test("only matching targets get an event, and a filter that throws is reported without losing it", async () => {
  const outbox = new FakeQueue();
  const fails = (): never => {
    throw broken;
  };
  const hooks = quietHooks({
    outbox,
    use: [
      fakeWebhook([], "other.type", { events: ["agent.*"] }),
      fakeWebhook([], "refusing", { accepts: () => false }),
      fakeWebhook([], "wanting", { accepts: ({ type }) => type === "tool.called" }),
      fakeWebhook([], "failing", { accepts: fails }),
      fakeHook([], "hook.refusing", { durable: true, filter: () => false }),
      fakeHook([], "hook.wanting", { durable: true, filter: () => true }),
      fakeHook([], "hook.failing", { durable: true, filter: fails }),
    ],
  });
  await hooks.emit("tool.called", BASH);
  assert.deepEqual(outbox.batches[0]![0]!.to, [
    "wanting",
    "failing",
    "hook.wanting",
    "hook.failing",
  ]);
  assert.deepEqual(hooks.errors, [broken, broken]);
});

for (
  const [how, store] of [
    ["rejects", () => Promise.reject(broken)],
    ["throws", () => {
      throw broken;
    }],
  ] as const
) {
  test(`a publish() that ${how} rejects emit(), runs no handler, and doesn't affect the next event`, async () => {
    const log: string[] = [];
    const outbox = new FakeQueue();
    const { publish } = outbox;
    outbox.publish = store;
    const hooks = quietHooks({ outbox, use: [fakeHook(log, "a")] });
    await assert.rejects(hooks.emit("tool.called", BASH), (error) => error === broken);
    hooks.emitInBackground("tool.called", BASH);
    await hooks.drain();
    assert.deepEqual([log, hooks.errors], [["a opens"], [broken]]);
    outbox.publish = publish;
    await hooks.emit("tool.called", BASH);
    assert.deepEqual(log, ["a opens", "a receives tool.called"]);
  });
}

test("a duplicate runs no handler, and its receipt has the first one's id", async () => {
  const log: string[] = [];
  const outbox = new FakeQueue();
  outbox.store = () => duplicate;
  const hooks = quietHooks({ outbox, use: [fakeHook(log, "a"), fakeWebhook(log, "w")] });
  const receipt = await hooks.emit("tool.called", BASH, { idempotencyKey: "k" });
  assert.deepEqual(receipt, duplicate);
  assert.deepEqual(log, ["a opens"]);
});

test("emit() passes key and signal to publish(), and emitInBackground() only the key", async () => {
  const outbox = new FakeQueue();
  const hooks = quietHooks({ outbox });
  const { signal } = new AbortController();
  await hooks.emit("tool.called", BASH, { idempotencyKey: "k-1", signal });
  hooks.emitInBackground("tool.called", BASH, { idempotencyKey: "k-2", signal });
  await hooks.drain();
  assert.deepEqual(outbox.batches.map(([one]) => one!.idempotencyKey), ["k-1", "k-2"]);
  assert.deepEqual(outbox.signals, [signal, undefined]);
});

test("an event rejected by a schema or the caller's signal is not published", async () => {
  const outbox = new FakeQueue();
  const validate = () => ({ issues: [{ message: "no tools today" }] });
  const schemas = {
    "tool.called": { "~standard": { version: 1, vendor: "test", validate } },
  } as const;
  const hooks = quietHooks({ outbox, schemas });
  await assert.rejects(hooks.emit("tool.called", BASH), { code: "event_invalid" });
  const signal = AbortSignal.abort(broken);
  await assert.rejects(hooks.emit("tool.completed", BASH, { signal }), (error) => error === broken);
  assert.deepEqual(outbox.batches, []);
});

const add = "needs an outbox. Pass createHooks({ outbox })";
test("without a queue, features that need one are rejected with a suggestion", async () => {
  const hooks = quietHooks();
  const durable = fakeHook([], "a", { durable: true });
  assert.throws(() => hooks.use(durable), {
    name: "TypeError",
    message: `Cannot register hook 'a': 'durable' ${add}`,
  });
  assert.throws(() => hooks.use(fakeWebhook([], "w", { ordering: "session" })), {
    name: "TypeError",
    message: `Cannot register webhook 'w': 'ordering' ${add}`,
  });
  await assert.rejects(hooks.emit("tool.called", BASH, { idempotencyKey: "k" }), {
    name: "TypeError",
    message: `Cannot dispatch 'tool.called': 'idempotencyKey' ${add}`,
  });
  hooks.emitInBackground("tool.called", BASH, { idempotencyKey: "k" });
  await hooks.drain();
  assert.equal((hooks.errors[0] as Error).name, "TypeError");
  assert.deepEqual(hooks.registry.list(), []);
});

test("the queue starts once, when the hooks are open, and stops before they are closed", async () => {
  const log: string[] = [];
  const outbox = new FakeQueue(log);
  const hooks = quietHooks({ outbox, use: [fakeHook(log, "a", { init: turn })] });
  await hooks.init();
  hooks.use(fakeHook(log, "b"));
  await hooks.init();
  await Promise.all([hooks.close(), hooks.close()]);
  assert.deepEqual(log, ["a opens", "start", "b opens", "stop", "stop", "b closes", "a closes"]);
});

test("the queue doesn't start while a hook can't be opened, or after close()", async () => {
  const log: string[] = [];
  const outbox = new FakeQueue(log);
  const init = () => Promise.reject(broken);
  const hooks = quietHooks({ outbox, use: [fakeHook(log, "a", { init })] });
  await assert.rejects(hooks.init(), { hook: "a" });
  await hooks.close();
  assert.deepEqual(log, ["a opens"]);
});

test("unregister() and close() remove each target from the queue once", async () => {
  const log: string[] = [];
  const outbox = new FakeQueue(log);
  const durable = fakeHook([], "d", { durable: true });
  const hooks = quietHooks({ outbox, use: [fakeWebhook([], "w")] });
  const [registration] = hooks.use(durable);
  assert.deepEqual(log, ["register w", "register d"]);
  registration!.unregister();
  registration!.unregister();
  hooks.use({ ...durable });
  await hooks.init();
  await hooks.emit("tool.called", BASH);
  assert.deepEqual(log.splice(0).slice(2), [
    "unregister d",
    "register d",
    "start",
    "publish tool.called to [w,d]",
  ]);
  await hooks.close();
  await hooks.close();
  assert.deepEqual(log, ["stop", "stop", "unregister w", "unregister d"]);
});

test("a failed createHooks() leaves no target in the queue, and passes no events to it", async () => {
  const log: string[] = [];
  const hosts: QueueHost[] = [];
  const outbox = Object.assign(new FakeQueue(log), {
    connect: (host: QueueHost) => {
      hosts.push(host);
      return { unregister() {}, [Symbol.dispose]() {} };
    },
  });
  assert.throws(() => quietHooks({ outbox, use: fakeHook(log, "a") as never }), TypeError);
  assert.equal(hosts.length, 0);

  const good = [fakeWebhook(log, "w"), fakeHook(log, "d", { durable: true }), fakeHook(log, "a")];
  assert.throws(() => quietHooks({ outbox, use: [...good, fakeHook(log, "a")] }), TypeError);
  assert.deepEqual(log.splice(0), ["register w", "register d", "unregister w", "unregister d"]);
  const event = { id: "e-1", type: "webhook.disabled", timestamp: new Date(), data: {} };
  for (const host of hosts) {
    assert.deepEqual(host.targetsOf(event), []);
    host.announce(event);
  }
  await turn();
  assert.deepEqual(log, []);
  quietHooks({ outbox, use: good });
  assert.deepEqual([...outbox.targets.keys()], ["w", "d"]);
});

test("a target that the queue rejects is not registered", async () => {
  const log: string[] = [];
  const outbox = new FakeQueue(log);
  const { register } = outbox;
  outbox.register = () => {
    throw broken;
  };
  const hooks = quietHooks({ outbox });
  const hook = fakeHook(log, "d", { durable: true });
  assert.throws(() => hooks.use(hook), (error) => error === broken);
  assert.deepEqual([hooks.registry.hookCount(), hooks.registry.list()], [0, []]);
  outbox.register = register;
  hooks.use(hook);
  await hooks.init();
  assert.deepEqual(log, ["register d", "d opens", "start"]);
});
