/**
 * Webhooks that are created, changed and deleted over the API while deliveries are in flight: seeded random
 * schedules, as in `schedules_test.ts`, and the bugs that they find. `WEBHOOK_SEEDS` is how many (100);
 * `WEBHOOK_SEED` runs one alone and prints what happened in it.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { webhookMutants } from "./mutants/webhooks.ts";
import { mutantStore } from "./mutants/mutant.ts";
import { runSeeds } from "./run_seeds.ts";
import { runWebhookSeed } from "./webhook_schedule.ts";

/** What the schedules must have passed through, and how often. */
const LEAST = {
  ...{ crashes: 300, created: 300, updated: 500, rotated: 300, deleted: 100, tested: 100 },
  ...{ refusals: 300, purged: 50, followed: 5_000, current: 5_000 },
};

const SEEDS = 100;

// Of processes that are killed, time limits by the real clock are left.
const leaks = true;

test("webhooks that change while deliveries are in flight lose nothing", () =>
  runSeeds({
    of: "webhook",
    seeds: SEEDS,
    least: LEAST,
    run: (seed, traced) => runWebhookSeed(seed, undefined, traced),
  }), { leaks });

test("a seed of webhooks gives the same schedule again", async () => {
  const traces = [];
  for (let i = 0; i < 2; i++) {
    traces.push((await runWebhookSeed(7, undefined, true)).trace.join("\n"));
  }
  assert.ok(traces[0] === traces[1] && traces[0]!.length > 1_000);
}, { leaks });

for (const { bug, store } of webhookMutants) {
  test(`the schedules find a planted bug of webhooks: ${bug}`, async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { faults } = await runWebhookSeed(seed, (real) => mutantStore(real, store()));
      if (faults.length === 0) continue;
      return console.log(`${bug}: found by seed ${seed}: ${faults[0]}`);
    }
    assert.fail(`${SEEDS} schedules did not find it`);
  }, { leaks });
}
