import assert from "node:assert/strict";
import { DispatchError, type HookEvent, type Webhook } from "@omniagent/hooks";
import { type Deferred, deferred } from "../support/deferred.ts";
import { test } from "../support/harness.ts";
import { BASH, fakeHook, fakeWebhook, quietHooks, turn } from "./_fakes.ts";

const broken = new Error("503");

test("webhooks without a queue start in order and run concurrently, and handlers don't wait for them", async () => {
  const log: string[] = [];
  const [first, second] = [deferred(), deferred()];
  const slow = (name: string, gate: Deferred) =>
    fakeWebhook(log, name, {
      deliver: () => gate.promise.then(() => void log.push(`${name} is done`)),
    });
  const hooks = quietHooks({
    use: [
      fakeHook(log, "a"),
      slow("v", first),
      fakeHook(log, "b", { handle: turn }),
      slow("w", second),
    ],
  });
  hooks.on("tool.called", () => void log.push("last"), { priority: -1 });
  await hooks.init();
  log.length = 0;
  const emitted = hooks.emit("tool.called", BASH).then((receipt) => {
    log.push("emitted");
    return receipt;
  });
  await turn();
  assert.deepEqual(log.splice(0), [
    "a receives tool.called",
    "v sends tool.called",
    "b receives tool.called",
    "w sends tool.called",
    "last",
  ]);
  second.resolve();
  await turn();
  assert.deepEqual(log.splice(0), ["w is done"]);
  first.resolve();
  const { deliveries, handlers } = await emitted;
  assert.deepEqual(log, ["v is done", "emitted"]);
  const names = ["a", "v", "b", "w", "tool.called"];
  assert.deepEqual(handlers, names.map((name) => ({ name, ok: true })));
  assert.equal(deliveries, 0, "nothing was stored");
});

for (
  const [how, deliver] of [
    ["rejects at once", () => Promise.reject(broken)],
    ["rejects after the others", () => turn().then(() => Promise.reject(broken))],
    ["throws", () => {
      throw broken;
    }],
  ] as const
) {
  test(`a webhook that ${how} is reported, stops no other, and fails the event`, async () => {
    const log: string[] = [];
    const late = new Error("late");
    const hooks = quietHooks({
      use: [
        fakeHook(log, "a"),
        fakeWebhook(log, "w", { deliver }),
        fakeHook(log, "b", { handle: () => turn().then(() => Promise.reject(late)) }),
        fakeWebhook(log, "v"),
      ],
    });
    await assert.rejects(hooks.emit("tool.called", BASH), (error) => {
      assert(error instanceof DispatchError);
      assert.deepEqual(error.failures, [
        { name: "w", ok: false, error: broken },
        { name: "b", ok: false, error: late },
      ]);
      assert.deepEqual([error.errors, error.cause], [[broken, late], broken]);
      const ok = error.receipt.handlers.map((handler) => `${handler.name} ${handler.ok}`);
      assert.deepEqual(ok, ["a true", "w false", "b false", "v true"]);
      return true;
    });
    assert.deepEqual(log.slice(2), [
      "a receives tool.called",
      "w sends tool.called",
      "b receives tool.called",
      "v sends tool.called",
    ]);
    assert.deepEqual(new Set(hooks.errors), new Set([broken, late]));
  });
}

test("a webhook gets events that match its patterns and accepts(), and counts as a handler for them", async () => {
  const log: string[] = [];
  const accepts = (event: HookEvent): boolean => event.type !== "tool.completed";
  const hooks = quietHooks({
    use: [fakeWebhook(log, "w", { events: ["tool.*", "tool.called"], accepts })],
  });
  const received: number[] = [];
  for (const type of ["tool.called", "tool.completed"] as const) {
    received.push((await hooks.emit(type, BASH)).handlers.length);
  }
  await hooks.emit("session.created", { session_id: "s-1", action: "created" });
  assert.deepEqual([log, received], [["w sends tool.called"], [1, 0]]);
});

test("an accepts() that throws fails only its webhook", async () => {
  const log: string[] = [];
  const accepts = (): never => {
    throw broken;
  };
  const hooks = quietHooks({ use: [fakeWebhook(log, "w", { accepts }), fakeHook(log, "a")] });
  await assert.rejects(hooks.emit("tool.called", BASH), (error) => {
    assert.deepEqual((error as DispatchError).failures, [{ name: "w", ok: false, error: broken }]);
    return true;
  });
  assert.deepEqual(log, ["a opens", "a receives tool.called"]);
});

test("a webhook's methods keep their `this`", async () => {
  class Counter implements Webhook {
    readonly name = "w";
    readonly events = ["*"];
    readonly timeout = 1;
    readonly concurrency = 1;
    readonly retry = { delay: () => undefined, total: 0 };
    calls: string[] = [];
    accepts(): boolean {
      return this.calls.push("accepts") > 0;
    }
    deliver(): Promise<void> {
      return Promise.resolve(void this.calls.push("deliver"));
    }
    close(): void {
      this.calls.push("close");
    }
    attempt(): never {
      throw new Error("not without a queue");
    }
  }
  const counter = new Counter();
  const hooks = quietHooks({ use: [counter] });
  await hooks.emit("tool.called", BASH);
  await hooks.close();
  assert.deepEqual(counter.calls, ["accepts", "deliver", "close"]);
});

test("close() waits for the requests of a webhook, then closes it", async () => {
  const log: string[] = [];
  const gate = deferred();
  const deliver = () => gate.promise.then(() => void log.push("w is done"));
  const hooks = quietHooks();
  hooks.use(fakeWebhook(log, "w", { deliver, close: () => void log.push("w closes") }));
  const emitted = hooks.emit("tool.called", BASH);
  const closed = hooks.close();
  await turn();
  gate.resolve();
  await Promise.all([emitted, closed]);
  assert.deepEqual(log, ["w sends tool.called", "w is done", "w closes"]);
});

test("the caller's signal is passed to deliver(), and an abort skips webhooks that haven't started", async () => {
  const log: string[] = [];
  const caller = new AbortController();
  const signals: AbortSignal[] = [];
  const deliver: Webhook["deliver"] = (_event, { signal }) => {
    signals.push(signal);
    return new Promise((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason))
    );
  };
  const hooks = quietHooks({ use: [fakeWebhook(log, "v", { deliver })] });
  hooks.on("*", () => caller.abort(broken));
  hooks.use(fakeWebhook(log, "w"));
  await assert.rejects(hooks.emit("tool.called", BASH, { signal: caller.signal }), (error) => {
    const failed = (error as DispatchError).failures.map(({ name, error }) => [name, error]);
    assert.deepEqual(failed, [["v", broken], ["w", broken]]);
    return true;
  });
  assert.deepEqual([log, signals[0]!.aborted], [["v sends tool.called"], true]);
});
