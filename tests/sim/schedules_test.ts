/**
 * Seeded random schedules over a store with faults. `OUTBOX_SEEDS` is how many (500); `OUTBOX_SEED`
 * runs one alone and prints what happened in it.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { runSeed } from "./schedule.ts";

/** What 2,000 schedules must have passed through, and how often. */
const LEAST = {
  ...{ crashes: 1_000, lost: 1_000, reclaims: 1_000, duplicates: 1_000 },
  ...{ "grown lanes": 1_000, replays: 1_000, offs: 1_000, enables: 1_000, deaths: 1_000 },
  ...{ pauses: 100, removals: 100, moves: 100, wornOut: 10 },
};

const one = Deno.env.get("OUTBOX_SEED");
const seeds = Number(Deno.env.get("OUTBOX_SEEDS") ?? 500);

test("random schedules of crashes, faults and wrong clocks lose nothing", async () => {
  const totals: Record<string, number> = {};
  for (let seed = Number(one ?? 1); seed < Number(one ?? 1) + (one ? 1 : seeds); seed++) {
    const result = await runSeed(seed, undefined, one !== undefined);
    if (one) console.log(result.trace.join("\n"));
    const faults = result.faults.join("\n  ");
    assert.equal(faults, "", `seed ${seed} (OUTBOX_SEED=${seed} shows it):\n  ${faults}`);
    for (const [name, count] of Object.entries(result.totals)) {
      totals[name] = (totals[name] ?? 0) + count;
    }
  }
  console.log(`outbox, ${one ? 1 : seeds} schedules:`, JSON.stringify(totals));
  if (one || seeds < 500) return;
  for (const [name, least] of Object.entries(LEAST)) {
    assert.ok(
      totals[name]! > least * seeds / 2_000,
      `too few ${name} to mean something: ${totals[name]}`,
    );
  }
});

test("a seed gives the same schedule again", async () => {
  const traces = [];
  for (let i = 0; i < 2; i++) traces.push((await runSeed(7, undefined, true)).trace.join("\n"));
  assert.ok(traces[0] === traces[1] && traces[0]!.length > 1_000);
});
