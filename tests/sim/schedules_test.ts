/**
 * Seeded random schedules over a store with faults. `OUTBOX_SEEDS` is how many (500); `OUTBOX_SEED`
 * runs one alone and prints what happened in it.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { runSeeds } from "./run_seeds.ts";
import { runSeed } from "./schedule.ts";

/** What 500 schedules must have passed through, and how often. */
const LEAST = {
  ...{ crashes: 250, lost: 250, reclaims: 250, duplicates: 250 },
  ...{ "grown sessions": 250, replays: 250, offs: 250, enables: 250, deaths: 250 },
  ...{ pauses: 25, removals: 25, moves: 25, wornOut: 2 },
};

test("random schedules of crashes, faults and wrong clocks lose nothing", () =>
  runSeeds({
    of: "outbox",
    seeds: 500,
    least: LEAST,
    run: (seed, traced) => runSeed(seed, undefined, traced),
  }));

test("a seed gives the same schedule again", async () => {
  const traces = [];
  for (let i = 0; i < 2; i++) traces.push((await runSeed(7, undefined, true)).trace.join("\n"));
  assert.ok(traces[0] === traces[1] && traces[0]!.length > 1_000);
});
