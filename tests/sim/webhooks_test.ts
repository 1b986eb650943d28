/**
 * Webhooks that are created, changed and deleted over the API while deliveries are in flight: seeded random
 * schedules, as in `schedules_test.ts`, and the bugs that they find. `WEBHOOK_SEEDS` is how many (100);
 * `WEBHOOK_SEED` runs one alone and prints what happened in it.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { noFaults } from "./faults.ts";
import { webhookMutants } from "./mutants/webhooks.ts";
import { mutantStore } from "./mutants/mutant.ts";
import { runSeeds } from "./run_seeds.ts";
import { deterministically } from "./simulation.ts";
import { WebhookCluster } from "./webhook_cluster.ts";
import { runWebhookSeed } from "./webhook_schedule.ts";

/** What the schedules must have passed through, and how often. */
const LEAST = {
  ...{ crashes: 300, created: 300, updated: 500, rotated: 300, deleted: 100, tested: 100 },
  ...{ rejections: 300, purged: 50, followed: 5_000, current: 5_000 },
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

test(
  "disabling or enabling a webhook in one process takes effect in another within four seconds",
  async () => {
    const cluster = new WebhookCluster(1);
    const { simulation } = cluster;
    await deterministically(simulation, async () => {
      const [one, other] = [cluster.spawn("one", noFaults), cluster.spawn("other", noFaults)];
      const pass = (milliseconds: number) => simulation.run(simulation.now + milliseconds);
      await pass(1_000);
      const created = one.webhooks.create({
        name: "a",
        url: "https://a.example/",
        events: ["job"],
      });
      await pass(4_000);
      await created;
      let sent = 0;
      const send = async () => {
        void other.hooks.emit("job" as never, { kind: "a" } as never);
        await pass(500);
        const { sends } = cluster.totals;
        return sends - sent > 0 ? (sent = sends, "sent") : "held";
      };
      // It reads the state with each event, so it believes in it for as long as it may.
      for (const operation of ["disable", "enable", "disable"] as const) {
        const before = operation === "disable" ? "sent" : "held";
        for (let n = 0; n < 20; n++) assert.equal(await send(), before);
        const changed = one.outbox[operation]("a");
        await pass(3_500);
        await changed;
        assert.notEqual(await send(), before, operation);
      }
      cluster.end();
      assert.deepEqual(cluster.model.faults, []);
    });
  },
  { leaks },
);

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
