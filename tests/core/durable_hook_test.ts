import assert from "node:assert/strict";
import {
  fixedRetry,
  type HandlerContext,
  type HookEvent,
  type HooksOptions,
} from "@omniagent/hooks";
import type { Attempt } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { deferred } from "../support/deferred.ts";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import {
  BASH,
  fakeHook,
  FakeQueue,
  fakeWebhook,
  type HookParts,
  quietHooks,
  turn,
  withClock,
} from "./_fakes.ts";

const event: HookEvent = {
  id: "e-1",
  type: "tool.called",
  timestamp: new Date(0),
  data: BASH,
};

/** Hooks with one durable hook, `d`, on a fake queue. */
function durable(parts: HookParts, options: HooksOptions = {}) {
  const log: string[] = [];
  const outbox = new FakeQueue(log);
  const hooks = quietHooks({ ...options, outbox });
  const [registration] = hooks.use(fakeHook(log, "d", { durable: true, ...parts }));
  return { hooks, outbox, log, registration: registration! };
}

/** An attempt without its duration, which has to be a whole number. */
async function outcome(attempt: Promise<Attempt>): Promise<Partial<Attempt>> {
  const { duration, ...rest } = await attempt;
  assert(Number.isInteger(duration) && duration >= 0, `duration: ${duration}`);
  return rest;
}

test("with a queue, webhooks and durable hooks are listed as durable, counted, and registered", () => {
  const outbox = new FakeQueue();
  const webhook = fakeWebhook([], "w", { ordering: "session" });
  const retry = fixedRetry({ retries: 2, delay: 5 });
  const given = { timeout: 7, concurrency: 3, retry };
  const hooks = quietHooks({
    outbox,
    use: [
      webhook,
      fakeHook([], "d", { durable: true }),
      fakeHook([], "e", { durable: true, ...given }),
      fakeHook([], "a"),
    ],
  });
  const durable = hooks.registry.list().map((info) => [info.name, info.durable]);
  assert.deepEqual(durable, [["w", true], ["d", true], ["e", true], ["a", false]]);
  assert.deepEqual([hooks.registry.handlerCount("tool.called"), hooks.registry.hookCount()], [
    4,
    4,
  ]);
  assert.equal(outbox.targets.get("w"), webhook);
  const limits = (name: string) => {
    const { timeout, concurrency, retry } = outbox.targets.get(name)!;
    return { timeout, concurrency, retry };
  };
  const { retry: byDefault, ...others } = limits("d");
  assert.deepEqual(others, { timeout: 30_000, concurrency: 16 });
  assert.equal(byDefault.total, 1.2 * (27 * 3600 + 35 * 60 + 5) * 1000);
  assert.deepEqual(limits("e"), given);
  assert.equal(hooks.outbox, outbox);
});

const unprintable = Object.create(null);
const attempts: Record<
  string,
  readonly [handle: () => void | Promise<void>, expected: Partial<Attempt>]
> = {
  "returns": [() => {}, { verdict: "delivered" }],
  "resolves": [() => turn(), { verdict: "delivered" }],
  "throws": [() => {
    throw new Error("no disk");
  }, { verdict: "retry", error: "no disk" }],
  "rejects": [() => Promise.reject(new Error("no disk")), { verdict: "retry", error: "no disk" }],
  "throws a text": [() => {
    throw "no disk";
  }, { verdict: "retry", error: "no disk" }],
  "throws nothing": [() => Promise.reject(), { verdict: "retry", error: "undefined" }],
};
for (const [what, [handle, expected]] of Object.entries(attempts)) {
  test(`an attempt at a durable hook that ${what} has the verdict "${expected.verdict}"`, async () => {
    const { outbox } = durable({ handle });
    assert.deepEqual(await outcome(outbox.attempt("d", event)), expected);
  });
}

test("an attempt never rejects, even when what was thrown has no text", async () => {
  const { outbox } = durable({
    handle: () => {
      throw unprintable;
    },
  });
  const { verdict, error } = await outbox.attempt("d", event);
  assert.deepEqual([verdict, typeof error], ["retry", "string"]);
});

for (const [timeout, limit] of [[undefined, 30_000], [50, 50]] as const) {
  test(`an attempt ends after ${limit} ms with "retry": its signal aborts, a late result is ignored`, async () => {
    await withClock(async (pass) => {
      const signals: AbortSignal[] = [];
      const gate = deferred();
      const handle = (_event: HookEvent, { signal }: HandlerContext): Promise<void> => {
        signals.push(signal);
        return gate.promise;
      };
      const { outbox } = durable({ handle, ...(timeout ? { timeout } : {}) });
      const attempt = outcome(outbox.attempt("d", event));
      await pass(limit - 1);
      assert.equal(signals[0]!.aborted, false);
      await pass(1);
      assert.equal(signals[0]!.reason.code, "hook_timeout");
      const error = `Handler 'd' timed out after ${limit} ms`;
      assert.deepEqual(await attempt, { verdict: "retry", error });
      gate.reject(new Error("late"));
      await turn();
    });
  });
}

test('an attempt ends with "retry" when the queue aborts it', async () => {
  const { outbox } = durable({ handle: () => deferred().promise });
  const worker = new AbortController();
  const attempt = outcome(outbox.attempt("d", event, { signal: worker.signal }));
  await turn();
  worker.abort(new Error("going down"));
  assert.deepEqual(await attempt, { verdict: "retry", error: "going down" });
});

test("an attempt has a number, the hook's store and logger, and an emit() that continues its chain", async () => {
  const contexts: HandlerContext[] = [];
  const store = memoryStore();
  const { outbox, log } = durable({
    events: ["tool.called"],
    async handle(_event, context) {
      contexts.push(context);
      await context.store!.set(["seen"], true);
      await context.emit("tool.completed", BASH);
    },
  }, { store });
  for (const attempt of [1, 4]) await outbox.attempt("d", event, { attempt });
  assert.deepEqual(contexts.map(({ attempt }) => attempt), [1, 4]);
  assert.equal((await store.get(["hook", "d", "seen"])).value, true);
  assert.equal(log.filter((line) => line === "publish tool.completed to []").length, 2);
});

test("a durable hook is opened before its first attempt, which is retried if that fails", async () => {
  let failing = true;
  const init = (): void => {
    if (failing) throw new Error("no disk");
  };
  const { outbox, log } = durable({ init });
  const first = await outcome(outbox.attempt("d", event));
  assert.deepEqual(first, { verdict: "retry", error: "Cannot open hook 'd': no disk" });
  failing = false;
  assert.deepEqual(await outcome(outbox.attempt("d", event)), { verdict: "delivered" });
  assert.deepEqual(log, ["register d", "d opens", "d opens", "start", "d receives tool.called"]);
});

test("a durable hook is not called in the process, and its failure fails no emit", async () => {
  const { hooks, log } = durable({
    handle: () => {
      throw new Error("no disk");
    },
  });
  const receipt = await hooks.emit("tool.called", BASH);
  assert.deepEqual([receipt.deliveries, receipt.handlers], [1, []]);
  assert.deepEqual(log, ["register d", "d opens", "start", "publish tool.called to [d]"]);
});

test("an unregistered durable hook is closed when its attempts have ended", async () => {
  const gate = deferred();
  const { outbox, hooks, log, registration } = durable({ handle: () => gate.promise });
  await hooks.init();
  const attempt = outbox.attempt("d", event);
  await turn();
  registration.unregister();
  await turn();
  assert.equal(log.includes("d closes"), false);
  gate.resolve();
  await attempt;
  await turn();
  assert.equal(log.at(-1), "d closes");
});

for (const how of ["unregister()", "close()"]) {
  test(`an attempt that starts after ${how} is retried, and does not reach the closed hook`, async () => {
    const { outbox, hooks, log, registration } = durable({});
    await hooks.init();
    const target = outbox.targets.get("d")!;
    if (how === "close()") await hooks.close();
    else registration.unregister();
    await turn();
    log.length = 0;
    const context = { attempt: 1, signal: new AbortController().signal, logger: silentLogger };
    const { verdict } = await target.attempt(event, context);
    assert.deepEqual([verdict, log], ["retry", []]);
    await assert.rejects(hooks.close().then(() => hooks.emit("tool.called", BASH)), {
      code: "hooks_closed",
    });
  });
}
