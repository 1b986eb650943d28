import assert from "node:assert/strict";
import { deadline, DeadlineError, retry } from "../../src/internal/async.ts";
import type { Clock } from "../../src/internal/clock.ts";
import { test } from "../support/harness.ts";

/** A clock whose timers fire as soon as they are set, each `passed` at its time; noise is ±0%. */
function fakeClock(): Clock & { readonly pauses: number[] } {
  let now = 0;
  const pauses: number[] = [];
  return {
    pauses,
    now: () => now,
    random: () => 0.5,
    setTimer(milliseconds, callback) {
      let cancelled = false;
      queueMicrotask(() =>
        void Promise.resolve().then(() => {
          if (cancelled) return;
          now += milliseconds;
          pauses.push(milliseconds);
          callback();
        })
      );
      return () => cancelled = true;
    },
  };
}

const never = new Promise<never>(() => {});

test("deadline() resolves and rejects as the promise does, and cancels its timer", async () => {
  const clock = fakeClock();
  assert.equal(await deadline(Promise.resolve(1), 10, { clock }), 1);
  await assert.rejects(deadline(Promise.reject(new Error("no")), 10, { clock }), /^Error: no$/);
  assert.deepEqual(clock.pauses, []);
});

test("deadline() rejects when time is up, with an error of the caller's choice", async () => {
  await assert.rejects(deadline(never, 0), DeadlineError);
  await assert.rejects(deadline(never, 0), /^DeadlineError: took longer than 0 ms$/);
  await assert.rejects(deadline(never, 0, { error: () => new TypeError("late") }), TypeError);
});

test("deadline() of 0 ms accepts what needs no timer, and ignores what comes later", async () => {
  const later = async (): Promise<number> => {
    for (let turn = 0; turn < 20; turn++) await null;
    return 1;
  };
  assert.equal(await deadline(later(), 0), 1);
  let fail = (_: Error): void => {};
  const late = new Promise<never>((_, reject) => fail = reject);
  await assert.rejects(deadline(late, 0), DeadlineError);
  fail(new Error("ignored")); // an unhandled rejection would fail the test
});

test("retry() calls until success, with pauses that double up to a maximum", async () => {
  const clock = fakeClock();
  let calls = 0;
  const call = () => ++calls < 6 ? Promise.reject(new Error("no")) : Promise.resolve("yes");
  const options = { timeout: 10_000, minPause: 20, maxPause: 100, clock };
  assert.equal(await retry(call, options), "yes");
  assert.deepEqual(clock.pauses, [20, 40, 80, 100, 100]);
});

test("retry() throws the last error when no time is left for another call", async () => {
  const clock = fakeClock();
  let calls = 0;
  const call = () => Promise.reject(new Error(`${++calls}`));
  await assert.rejects(retry(call, { timeout: 100, clock }), /^Error: 3$/);
  assert.deepEqual(clock.pauses, [20, 40]);
});

test("retry() throws an error that isn't retryable at once, also one thrown synchronously", async () => {
  const call = (): never => {
    throw new TypeError("closed");
  };
  const isRetryable = (error: unknown) => !(error instanceof TypeError);
  await assert.rejects(retry(call, { timeout: 1000, isRetryable }), TypeError);
});

test("retry() gives up on a call that takes longer than `callTimeout`, and calls again", async () => {
  const clock = fakeClock();
  const errors: unknown[] = [];
  let calls = 0;
  const call = () => ++calls === 1 ? never : Promise.resolve(calls);
  const isRetryable = (error: unknown): boolean => errors.push(error) > 0;
  const options = { timeout: 1000, callTimeout: 50, isRetryable, clock };
  assert.equal(await retry(call, options), 2);
  assert.ok(errors[0] instanceof DeadlineError);
});
