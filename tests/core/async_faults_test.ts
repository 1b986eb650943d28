import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { BASH, fakeHook, quietHooks, unhandledDuring } from "./_fakes.ts";

const broken = new Error("no disk");

const cycle: { name: string; self?: unknown } = { name: "bash" };
cycle.self = cycle;
const rejectedCalls: Record<string, readonly [type: unknown, data: unknown, options?: unknown]> = {
  "a payload that JSON can't carry": ["tool.called", cycle],
  "no payload": ["tool.called", undefined],
  "an ill-formed type": ["Tool Called", BASH],
  "an empty type": ["", BASH],
  "a type that is no string": [7, BASH],
  "a type that has no text": [Symbol("tool.called"), BASH],
  "a type that can't be made a text": [Object.create(null), BASH],
  "a session that is no string": ["tool.called", BASH, { sessionId: 7 }],
};
for (const [what, [type, data, options]] of Object.entries(rejectedCalls)) {
  test(`emitInBackground() reports ${what} and does not throw; emit() rejects and does not throw`, async () => {
    const log: string[] = [];
    const hooks = quietHooks({ use: [fakeHook(log, "a")] });
    hooks.emitInBackground(type as never, data as never, options as never);
    await assert.rejects(hooks.emit(type as never, data as never, options as never), {
      code: "event_invalid",
    });
    await hooks.drain();
    assert.deepEqual(hooks.errors.map((error) => (error as { code?: string }).code), [
      "event_invalid",
    ]);
    assert.deepEqual(log, []);
  });
}

for (
  const [what, event] of [
    ["undefined", undefined],
    ["null", null],
    ["a string", "tool.called"],
    ["an empty object", {}],
    ["an event with an ill-formed type", {
      id: "1",
      type: "Tool",
      timestamp: new Date(),
      data: {},
    }],
    ["an event whose type can't be made a text", { type: Object.create(null) }],
  ] as const
) {
  test(`dispatchAsync() reports ${what} and does not throw; dispatch() rejects and does not throw`, async () => {
    const hooks = quietHooks();
    hooks.registry.dispatchAsync(event as never);
    await assert.rejects(hooks.registry.dispatch(event as never), { code: "event_invalid" });
    await hooks.drain();
    assert.deepEqual(hooks.errors.map((error) => (error as { code?: string }).code), [
      "event_invalid",
    ]);
  });
}

test("events are handled even if waitUntil, logger, onError, or onDrop fails", async () => {
  const fails: readonly (() => never | Promise<never>)[] = [
    () => {
      throw broken;
    },
    () => Promise.reject(broken),
  ];
  for (const fail of fails) {
    const callbacks = {
      waitUntil: fail,
      onError: fail,
      onDrop: fail,
      logger: { debug: fail, info: fail, warn: fail, error: fail },
    };
    for (const overflow of ["reject", "drop"] as const) {
      const received: string[] = [];
      const unhandled = await unhandledDuring(async () => {
        const hooks = quietHooks({ ...callbacks, overflow, maxConcurrent: 1, maxPending: 1 });
        hooks.on("tool.*", (event) => {
          received.push(event.type);
          throw broken;
        });
        for (let i = 0; i < 3; i++) hooks.emitInBackground("tool.called", BASH);
        hooks.emitInBackground("Bad" as never, BASH as never);
        await hooks.drain();
        await hooks.close();
        hooks.emitInBackground("tool.called", BASH);
      });
      assert.deepEqual([received, unhandled], [["tool.called", "tool.called"], []], String(fail));
    }
  }
});

test("a failure is reported once, with the event, and never left as an unhandled rejection", async () => {
  const reports: unknown[] = [];
  const unhandled = await unhandledDuring(async () => {
    const hooks = quietHooks({
      onError: (error, event) => void reports.push([error, event?.type]),
    });
    hooks.on("tool.called", () => Promise.reject(broken));
    hooks.on("tool.called", () => {
      throw "text";
    });
    hooks.emitInBackground("tool.called", BASH);
    await hooks.drain();
  });
  assert.deepEqual(reports, [[broken, "tool.called"], ["text", "tool.called"]]);
  assert.deepEqual(unhandled, []);
});
