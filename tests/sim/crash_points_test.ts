/**
 * Fixed scenarios, and every fault at every operation of them: what is left must hold the invariants.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import type { Cluster } from "./cluster.ts";
import { COMMIT_FAULTS, type Fault, FaultAt, isRead, PURPOSES, READ_FAULTS } from "./faults.ts";
import { runScenario, SCENARIOS } from "./run_scenario.ts";

test("the delivery scenario covers every state of a delivery", async () => {
  const baseline = new FaultAt();
  const cluster = await runScenario(baseline);
  const { model, client } = cluster;
  const all = [...model.known.values()];
  const told = client.calls.map(({ told }) => told);
  const seen = {
    delivered: all.some(({ log }) => log?.state === "delivered"),
    retried: all.some(({ log }) => log?.state === "delivered" && log.made > 1),
    dead: all.some(({ dead }) => dead?.reason === "400"),
    unreadable: all.some(({ dead }) => dead?.reason === "unreadable"),
    expired: all.some(({ log }) => log?.state === "expired"),
    returned: all.some(({ returns }) => returns > 0),
    lost: model.leases.totals.lost > 0,
    reclaimed: model.leases.totals.reclaims > 0,
    chunked: [...model.heads.values()].some(({ chunks = 0 }) => chunks > 1),
    duplicate: told.some((told) => told.kind === "accepted" && told.receipts[0]!.duplicate),
    conflict: told.some(({ kind }) => kind === "conflict"),
    fast: all.some(({ log, reclaims }) => log?.made === 1 && reclaims === 0),
  };
  assert.deepEqual(Object.entries(seen).filter(([, is]) => !is), []);
  assert.deepEqual(model.faults, []);
  for (const purpose of ["read", "publish", "chunk", "claim", "settle", "meta"] as const) {
    assert.ok(baseline.seen.includes(purpose), purpose);
  }
});

test("the operations scenario covers every operation of an operator", async () => {
  const baseline = new FaultAt();
  const { model, receivers } = await runScenario(baseline, { scenario: "operations" });
  const { endpoints, sessions, leases, own, totals } = model;
  assert.deepEqual(model.faults, []);
  const counted = {
    ...endpoints.totals,
    ...sessions.totals,
    ...own.totals,
    moves: leases.totals.moves,
  };
  const missing = Object.entries({ ...counted, replays: totals.replays, ...receivers.totals })
    .filter(([name, count]) => count === 0 && name !== "wornOut" && name !== "aborted");
  assert.deepEqual(missing, []);
  for (const purpose of PURPOSES.filter((purpose) => purpose !== "chunk")) {
    assert.ok(baseline.seen.includes(purpose), purpose);
  }
});

/** Faults whose delay is drawn: with several draws. */
const DRAWN: readonly Fault[] = ["twice", "late", "late response", "echo"];
const DRAWS = { deliveries: 2, operations: 1 };
/** Reads that follow one another: of a worker that finds nothing again and again, those after are alike. */
const ALIKE = 3;

for (const scenario of Object.keys(SCENARIOS) as (keyof typeof SCENARIOS)[]) {
  for (const fault of COMMIT_FAULTS) {
    test(`a fault at any one operation breaks nothing: ${fault}, ${scenario}`, async () => {
      const totals = { operations: 0, crashes: 0, lost: 0, reclaims: 0 };
      for (let seed = 1; seed <= (DRAWN.includes(fault) ? DRAWS[scenario] : 1); seed++) {
        const baseline = new FaultAt();
        await runScenario(baseline, { seed, scenario });
        let reads = 0;
        for (const [n, purpose] of baseline.seen.entries()) {
          reads = purpose === "read" ? reads + 1 : 0;
          if (reads > ALIKE) continue;
          const kinds: readonly Fault[] = isRead(purpose) ? READ_FAULTS : COMMIT_FAULTS;
          if (!kinds.includes(fault)) continue;
          const cluster = await runScenario(new FaultAt(n, fault), { seed, scenario });
          check(cluster, `${fault} at operation ${n}, a ${purpose}, seed ${seed}, ${scenario}`);
          add(totals, cluster);
        }
      }
      console.log(`${scenario}, ${fault}:`, JSON.stringify(totals));
    });
  }
}

function check({ model }: Cluster, where: string): void {
  assert.deepEqual(model.faults, [], where);
  const expired = [...model.known.values()]
    .filter(({ w, log }) => w !== "tomorrow" && log?.state === "expired");
  assert.deepEqual(expired, [], where);
}

function add(totals: Record<string, number>, { crashes, model }: Cluster): void {
  totals.operations!++;
  totals.crashes! += crashes;
  totals.lost! += model.leases.totals.lost;
  totals.reclaims! += model.leases.totals.reclaims;
}
