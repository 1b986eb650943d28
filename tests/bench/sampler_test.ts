import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { loopSample, pairedRatio, spread } from "./sampler.ts";

test("pairedRatio() runs its pairs in the order A B, B A", async () => {
  let order = "";
  const side = (name: string) => () => {
    order += name;
    return 1;
  };
  await pairedRatio(side("a"), side("b"), { pairs: 4, warmUp: 0 });
  assert.equal(order, "abbaabba");
});

test("pairedRatio() ignores the warm-up", async () => {
  const costs = [900, 900, 3, 3, 3, 3, 3, 3];
  const ratio = await pairedRatio(() => costs.shift()!, () => 2, { pairs: 6, warmUp: 2 });
  assert.deepEqual(ratio, { value: 1.5, low: 1.5, high: 1.5 });
});

test("pairedRatio() is not affected by a machine that slows down", async () => {
  let slowness = 1;
  const side = (cost: number) => () => cost * (slowness *= 1.01);
  const { value } = await pairedRatio(side(3), side(2), { pairs: 21, warmUp: 0 });
  assert.ok(Math.abs(value - 1.5) < 0.02, `${value}`);
});

test("pairedRatio() is not affected by a single disturbed pair", async () => {
  const costs = Array.from({ length: 21 }, (_, pair) => pair % 7 === 0 ? 500 : 3);
  const { value } = await pairedRatio(() => costs.shift()!, () => 2, { pairs: 21, warmUp: 0 });
  assert.equal(value, 1.5);
});

test("spread() is the median with the 10th and 90th percentile", () => {
  const values = Array.from({ length: 21 }, (_, index) => 21 - index);
  assert.deepEqual(spread(values), { value: 11, low: 3, high: 19 });
});

test("loopSample() returns the cost of one operation, whatever the number of runs", async () => {
  let time = 0;
  let calls = 0;
  const operation = () => {
    calls++;
    time += 0.25;
    return Promise.resolve();
  };
  const sample = loopSample(operation, { duration: 10, now: () => time });
  assert.equal(await sample(), 0.25);
  calls = 0;
  assert.equal(await sample(), 0.25);
  assert.equal(calls, 40);
});

test("loopSample() awaits the result of an operation", async () => {
  let running = 0;
  let most = 0;
  let time = 0;
  const sample = loopSample(async () => {
    most = Math.max(most, ++running);
    await Promise.resolve();
    running--;
    time++;
  }, { duration: 10, now: () => time });
  await sample();
  assert.equal(most, 1);
});
