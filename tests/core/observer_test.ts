import assert from "node:assert/strict";
import { createHooks, HooksClosedError } from "@omniagent/hooks";
import type { DeliveryQueue } from "@omniagent/hooks/outbox";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { turn, withClock } from "./_fakes.ts";

/** Hooks, and what was reported to `onError`. `publish` is that of their outbox. */
function start(publish?: () => Promise<never>) {
  const reported: string[] = [];
  const outbox: DeliveryQueue | undefined = publish && {
    publish,
    register: () => ({ unregister() {} }),
    start() {},
    stop: () => Promise.resolve(),
  };
  const onError = (error: unknown): void => void reported.push((error as Error).message);
  const hooks = createHooks({ logger: silentLogger, onError, ...(outbox && { outbox }) });
  return { hooks, reported };
}

test("call() returns what the tool returned when the store fails, and reports both events", async () => {
  const { hooks, reported } = start(() => Promise.reject(new Error("no disk")));
  assert.equal(await hooks.call("bash", {}, () => "done"), "done");
  assert.deepEqual(reported, ["no disk", "no disk"]);
});

test("call() returns what the tool returned when the store does not respond", () =>
  withClock(async (pass) => {
    const { hooks } = start(() => new Promise(() => {}));
    let result: unknown;
    const call = hooks.call("bash", {}, () => "done").then((value) => result = value);
    await pass(1_000); // for tool.called
    await pass(0); // tool.completed does not wait again
    await call;
    assert.equal(result, "done");
  }));

test("call() returns what the tool returned when handlers throw, and emits tool.completed once", async () => {
  const { hooks, reported } = start();
  const completed: unknown[] = [];
  hooks.on("tool.*", () => Promise.reject(new Error("handler down")));
  hooks.on("tool.completed", ({ data }) => void completed.push(data.result));
  assert.equal(await hooks.call("bash", {}, () => "done"), "done");
  await turn();
  assert.deepEqual([completed, reported], [["done"], ["handler down", "handler down"]]);
  await hooks.close();
});

test("call() does not wait for a handler that never ends", async () => {
  const { hooks } = start();
  hooks.on("tool.completed", () => new Promise(() => {}));
  assert.equal(await hooks.call("bash", {}, () => "done"), "done");
});

test("observer.emit() never rejects, and reports why an event was not emitted", async () => {
  const { hooks, reported } = start();
  const { observer } = hooks.registry;
  const seen: unknown[] = [];
  hooks.on("agent.start", ({ data, runId }) => void seen.push([data.run_id, runId]));
  await observer.emit("agent.start", { run_id: "r-1" }, { runId: "r-1" });
  await observer.emit("agent.start", { run_id: 1n as never });
  await observer.emit("Not a type" as never, {} as never);
  await hooks.close();
  await observer.emit("agent.start", { run_id: "r-2" });
  assert.deepEqual(seen, [["r-1", "r-1"]]);
  assert.equal(reported.length, 3);
  await assert.rejects(hooks.call("bash", {}, () => "done"), HooksClosedError);
});
