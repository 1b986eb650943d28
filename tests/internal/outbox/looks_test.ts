/**
 * When the worker looks for what is due, over virtual time.
 * @module
 */
import assert from "node:assert/strict";
import { mock, test } from "../../harness.ts";
import { MINUTE, Stage } from "./stage.ts";

test("what is attempted as it is stored makes nobody look for it", async () => {
  const stage = new Stage();
  const { outbox } = stage.open();
  outbox.register(stage.target("a"));
  outbox.start();
  await stage.publish(outbox, ["a"]);
  await stage.pass(5 * MINUTE);
  const list = mock.method(stage.store, "list");
  for (let n = 0; n < 10; n++) {
    await stage.publish(outbox, ["a"]);
    await stage.pass(20);
  }
  assert.equal(stage.seen.length, 11);
  assert.equal(list.mock.callCount(), 0);
});

test("a retry is made at its time, however often others fail meanwhile", async () => {
  const stage = new Stage();
  const { outbox } = stage.open();
  const down = ({ type }: { readonly type: string }) =>
    type === "tool.called" ? { verdict: "retry", error: "down" } as const : undefined;
  outbox.register(stage.target("a", down));
  outbox.start();
  const start = stage.world.now;
  const first = await stage.publish(outbox, ["a"]);
  while (stage.world.now < start + 2 * MINUTE) {
    await stage.pass(200);
    await stage.publish(outbox, ["a"]);
    await stage.publish(outbox, ["a"], { type: "tool.completed" });
  }
  const [, again] = stage.seen.filter(({ id }) => id === first);
  const late = again!.at - start - MINUTE;
  assert.ok(Math.abs(late) < 0.25 * MINUTE, `${late} ms late`);
});

test("a receiver that only fails is asked once a second, and at once when it takes something", async () => {
  const stage = new Stage();
  const { outbox } = stage.open();
  let down = true;
  const refusal = { verdict: "retry", error: "refused" } as const;
  outbox.register(stage.target("a", () => down ? refusal : undefined));
  for (let n = 0; n < 1000; n++) await stage.publish(outbox, ["a"]);
  outbox.start();
  await stage.pass(10_000);
  const asked = stage.seen.length;
  // Five rounds of four until it is noticed; then four a second, and the second is jittered.
  assert.ok(asked >= 20 + 8 * 4 && asked <= 24 + 10 * 4, `${asked} attempts`);
  down = false;
  await stage.pass(15_000);
  assert.equal(stage.seen.length, 1000);
});

test("what comes while slots are taken is claimed as soon as one is free", async () => {
  const stage = new Stage();
  const { outbox } = stage.open();
  outbox.register(stage.target("a", undefined, { concurrency: 1 }));
  outbox.start();
  await stage.pass(10 * MINUTE);
  const start = stage.world.now;
  for (let n = 0; n < 20; n++) {
    await stage.publish(outbox, ["a"]);
    await stage.pass(3);
  }
  await stage.pass(2_000);
  assert.equal(stage.seen.length, 20);
  assert.ok(stage.seen.at(-1)!.at - start < 500, `${stage.seen.at(-1)!.at - start} ms`);
});

test("a look that the store never answers is given up, and the next one delivers", async () => {
  const stage = new Stage();
  const { outbox } = stage.open();
  outbox.register(stage.target("a"));
  await stage.publish(outbox, ["a"]);
  const list = stage.store.list.bind(stage.store);
  const silent = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
  let isFirst = true;
  stage.store.list = (selector, options) => {
    const isLook = isFirst && "prefix" in selector && selector.prefix[1] === "due";
    if (isLook) isFirst = false;
    return isLook ? silent : list(selector, options);
  };
  outbox.start();
  await stage.pass(MINUTE);
  assert.equal(stage.seen.length, 1);
});
