/**
 * `drainOnce`: what it waits for, and what it says is left.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "../../harness.ts";
import { MINUTE, Stage } from "./stage.ts";

const BUDGET = { timeout: 20_000 };

/** What resolves, while time passes; and how long it took. */
async function timed<T>(stage: Stage, work: Promise<T>, most: number): Promise<[T, number]> {
  const from = stage.world.now;
  let took = 0;
  const [result] = await Promise.all([
    work.finally(() => took = stage.world.now - from),
    stage.pass(most),
  ]);
  return [result, took];
}

test("a drain whose first claim somebody was faster with goes on", async () => {
  const stage = new Stage();
  const { outbox } = stage.open();
  outbox.register(stage.target("a"));
  for (let i = 0; i < 6; i++) await stage.publish(outbox, ["a"]);
  const atomic = stage.store.atomic.bind(stage.store);
  let faster = true;
  stage.store.atomic = () => {
    const operation = atomic();
    const commit = operation.commit.bind(operation);
    operation.commit = async () => {
      if (faster) {
        faster = false;
        for await (const { key, value } of stage.store.list({ prefix: ["hooks", "due"] })) {
          await atomic().set(key, value).commit();
        }
      }
      return await commit();
    };
    return operation;
  };
  const [result] = await timed(stage, outbox.drainOnce(BUDGET), MINUTE);
  assert.deepEqual(result, { settled: 6, remaining: false });
});

test("a drain that cannot claim anything says that something remains", async () => {
  const stage = new Stage();
  const { outbox } = stage.open();
  outbox.register(stage.target("a"));
  await stage.publish(outbox, ["a"]);
  const atomic = stage.store.atomic.bind(stage.store);
  stage.store.atomic = () => {
    const operation = atomic();
    operation.commit = () => Promise.reject(new Error("connection lost"));
    return operation;
  };
  const [result, took] = await timed(stage, outbox.drainOnce(BUDGET), 2 * MINUTE);
  assert.deepEqual(result, { settled: 0, remaining: true });
  assert.ok(took < 30_000, `${took}`);
});

test("a drain goes on when a receiver that rests has rested", async () => {
  const stage = new Stage();
  const { outbox } = stage.open();
  const well = stage.world.now + 500;
  const answer = () =>
    stage.world.now < well ? { verdict: "retry", error: "503" } as const : undefined;
  outbox.register(stage.target("a", answer));
  for (let i = 0; i < 60; i++) await stage.publish(outbox, ["a"]);
  const [result] = await timed(stage, outbox.drainOnce(BUDGET), MINUTE);
  assert.deepEqual(result, { settled: 60, remaining: false });
});

test("a drain waits for what it leased, not for what the worker beside it attempts", async () => {
  const stage = new Stage();
  const { outbox } = stage.open();
  const attempt = async () => {
    await stage.world.sleep(9_000);
    return { verdict: "delivered", duration: 9_000 } as const;
  };
  outbox.register(stage.target("slow", undefined, { attempt }));
  outbox.start();
  await stage.publish(outbox, ["slow"]);
  const [{ settled }, took] = await timed(stage, outbox.drainOnce({ timeout: 1_000 }), MINUTE);
  assert.equal(settled, 0);
  assert.ok(took <= 1_000, `${took}`);
});

test("a target that no drain has the time for is told once", async () => {
  const stage = new Stage();
  const warnings: unknown[] = [];
  const warn = (what: unknown): void => void warnings.push(what);
  const { outbox } = stage.open({ logger: { debug() {}, info() {}, warn, error() {} } });
  outbox.register(stage.target("long", undefined, { timeout: 60_000 }));
  outbox.register(stage.target("short"));
  for (let i = 0; i < 9; i++) await stage.publish(outbox, ["long", "short"]);
  const [result] = await timed(stage, outbox.drainOnce(BUDGET), MINUTE);
  assert.deepEqual(result, { settled: 9, remaining: true });
  assert.deepEqual(warnings, [
    "Deliveries to 'long' can't be drained as its timeout of 60000 ms is longer than the budget of 20000 ms",
  ]);
});

test("a drain without a budget is refused", async () => {
  const { outbox } = new Stage().open();
  for (const options of [undefined, null, 5, {}]) {
    await assert.rejects(outbox.drainOnce(options as never), /^TypeError: Cannot drain(?: as|:) /);
  }
});
