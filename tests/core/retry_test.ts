import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import {
  exponentialRetry,
  fixedRetry,
  type RetryPolicy,
  scheduleRetry,
  WebhookHook,
} from "@omniagent/hooks";
import { test } from "../support/harness.ts";

/** The largest number below 1: what `Math.random` gives at most. */
const ALMOST_ONE = 1 - Number.EPSILON / 2;
const MIDDLE = 0.5;
/** The schedule of a webhook that sets none. */
const BY_DEFAULT =
  new WebhookHook({ name: "w", url: "https://hooks.example", events: ["*"] }).retry;

/** All delays of a policy, and the undefined that ends them. */
function delaysOf(policy: RetryPolicy, random = MIDDLE): (number | undefined)[] {
  const delays: (number | undefined)[] = [];
  do delays.push(policy.delay(delays.length + 1, random)); while (delays.at(-1) !== undefined);
  return delays;
}

const schedules: readonly (readonly [name: string, make: () => RetryPolicy, delays: number[]])[] = [
  ["fixedRetry", () => fixedRetry({ delay: 250, retries: 3 }), [250, 250, 250]],
  ["fixedRetry without retries", () => fixedRetry({ delay: 250, retries: 0 }), []],
  ["fixedRetry at once", () => fixedRetry({ delay: 0, retries: 2 }), [0, 0]],
  ["exponentialRetry", () => exponentialRetry({ delay: 100, retries: 4 }), [100, 200, 400, 800]],
  [
    "exponentialRetry at once",
    () => exponentialRetry({ delay: 0, factor: 9, retries: 1000 }),
    Array(1000).fill(0),
  ],
  [
    "exponentialRetry with a factor and a cap",
    () => exponentialRetry({ delay: 100, factor: 3, maxDelay: 1000, retries: 5 }),
    [100, 300, 900, 1000, 1000],
  ],
  [
    "exponentialRetry with factor 1",
    () => exponentialRetry({ delay: 100, factor: 1, retries: 2 }),
    [100, 100],
  ],
  [
    "exponentialRetry without a cap of its own, which is ten hours",
    () => exponentialRetry({ delay: 1000, factor: 1000, retries: 1000 }),
    [1000, 1_000_000, ...Array(998).fill(36_000_000)],
  ],
  ["scheduleRetry", () => scheduleRetry([1, 20, 300]), [1, 20, 300]],
  ["scheduleRetry of nothing", () => scheduleRetry([]), []],
  [
    "the default of a webhook",
    () => BY_DEFAULT,
    [5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600].map((seconds) => seconds * 1000),
  ],
];

for (const [name, make, delays] of schedules) {
  test(`${name} waits for its delays, then gives up`, () => {
    const policy = make();
    assert.deepEqual(delaysOf(policy), [...delays, undefined]);
    assert.equal(policy.delay(delays.length + 2, MIDDLE), undefined);
    assert.equal(policy.delay(0, MIDDLE), undefined, "there is no attempt 0");
  });
}

test("jitter varies a delay by 20% by default", () => {
  const range = (policy: RetryPolicy) => [0, MIDDLE, ALMOST_ONE].map((r) => policy.delay(1, r));
  assert.deepEqual(range(fixedRetry({ delay: 1000, retries: 1 })), [800, 1000, 1200]);
  assert.deepEqual(range(scheduleRetry([1000], { jitter: undefined })), [800, 1000, 1200]);
  assert.deepEqual(range(scheduleRetry([1000], { jitter: 0 })), [1000, 1000, 1000]);
  assert.deepEqual(range(scheduleRetry([1000], { jitter: 1 })), [0, 1000, 2000]);
  assert.deepEqual(range(fixedRetry({ delay: 1000, retries: 1, jitter: 0.5 })), [500, 1000, 1500]);
});

test("a delay is capped before jitter is applied", () => {
  const policy = exponentialRetry({ delay: 1000, maxDelay: 2000, retries: 4, jitter: 0.1 });
  assert.deepEqual(delaysOf(policy, 0), [900, 1800, 1800, 1800, undefined]);
  assert.deepEqual(delaysOf(policy, ALMOST_ONE), [1100, 2200, 2200, 2200, undefined]);
});

test("the total of the default schedule is the sum of its longest delays", () => {
  assert.equal(BY_DEFAULT.total, 1.2 * 99_305_000);
});

test("later changes to the list of a schedule have no effect", () => {
  const delays = [100];
  const policy = scheduleRetry(delays);
  delays[0] = 5;
  delays.push(1);
  assert.deepEqual(delaysOf(policy), [100, undefined]);
});

const jitter = fc.double({ min: 0, max: 1, noNaN: true });
const delay = fc.oneof(
  fc.nat(1000),
  fc.nat(40_000_000),
  fc.double({ min: 0, max: 10, noNaN: true }),
);
const retries = fc.nat(20);
const policies = fc.oneof(
  fc.record({ delay, retries, jitter }).map(fixedRetry),
  fc.record({
    delay,
    retries,
    jitter,
    factor: fc.double({ min: 1, max: 100, noNaN: true }),
    maxDelay: delay,
  }).map(exponentialRetry),
  fc.tuple(fc.array(delay), jitter).map(([delays, jitter]) => scheduleRetry(delays, { jitter })),
  fc.constant(BY_DEFAULT),
);

test("every delay is in whole milliseconds, and `total` is at least the sum of any jittered delays", () =>
  fc.assert(
    fc.property(
      policies,
      fc.array(fc.double({ min: 0, max: ALMOST_ONE, noNaN: true })),
      (policy, dice) => {
        let sum = 0;
        for (let attempt = 1;; attempt++) {
          const delay = policy.delay(attempt, dice[attempt] ?? ALMOST_ONE);
          if (delay === undefined) break;
          assert.ok(Number.isInteger(delay) && delay >= 0, `${delay}`);
          sum += delay;
        }
        assert.ok(policy.total >= sum, `${policy.total} < ${sum}`);
      },
    ),
    { numRuns: 1000 },
  ));

test("`total` is tight: the longest delays come to it within rounding", () =>
  fc.assert(fc.property(policies, (policy) => {
    const delays = delaysOf(policy, ALMOST_ONE).slice(0, -1);
    const sum = delays.reduce<number>((sum, delay) => sum + delay!, 0);
    assert.ok(policy.total - sum <= delays.length + 1, `${policy.total} > ${sum}`);
  })));

const fixed = { delay: 1, retries: 1 };
const refused: Readonly<Record<string, readonly (() => unknown)[]>> = {
  retries: [-1, 1.5, NaN, Infinity, 1001, "3", null, undefined].flatMap((retries) => [
    () => fixedRetry({ delay: 1, retries: retries as number }),
    () => exponentialRetry({ delay: 1, retries: retries as number }),
  ]),
  "retries of a schedule": [() => scheduleRetry(Array(1001).fill(1))],
  delay: [-1, NaN, Infinity, -Infinity, "5", null, undefined, 5n].flatMap((delay) => [
    () => fixedRetry({ delay: delay as number, retries: 1 }),
    () => exponentialRetry({ delay: delay as number, retries: 1 }),
    () => scheduleRetry([delay as number]),
  ]),
  factor: [0.99, 0, -2, NaN, Infinity, "2", null].map((factor) => () =>
    exponentialRetry({ ...fixed, factor: factor as number })
  ),
  maxDelay: [-1, NaN, 1e300, "9", null].map((maxDelay) => () =>
    exponentialRetry({ ...fixed, maxDelay: maxDelay as number })
  ),
  jitter: [-0.1, 1.1, NaN, "0.1", null].flatMap((jitter) => [
    () => fixedRetry({ ...fixed, jitter: jitter as number }),
    () => exponentialRetry({ ...fixed, jitter: jitter as number }),
    () => scheduleRetry([1], { jitter: jitter as number }),
  ]),
};

for (const [name, calls] of Object.entries(refused)) {
  test(`a policy with an invalid ${name} is rejected, and the message names it`, () => {
    const taken = calls.filter((call) => {
      try {
        call();
        return true;
      } catch (error) {
        const { name: kind, message } = error as Error;
        assert.match(kind, /^(RangeError|TypeError)$/);
        const subject = `Cannot create a retry policy: '${name.split(" ")[0]}' `;
        assert.ok(message.startsWith(subject), message);
        return false;
      }
    });
    assert.deepEqual(taken.map(String), []);
  });
}
