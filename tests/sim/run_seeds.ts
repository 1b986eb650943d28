import assert from "node:assert/strict";
import type { Result } from "./schedule.ts";

/** Schedules of one kind. */
type Schedules = {
  /** What they are of: the variable `OUTBOX_SEEDS` is how many, `OUTBOX_SEED` the only one. */
  readonly of: "outbox" | "webhook";
  /** How many, unless the variable says otherwise. */
  readonly seeds: number;
  /** What at least that many must have passed through, and how often. */
  readonly least: Readonly<Record<string, number>>;
  /** Runs one of them. */
  readonly run: (seed: number, traced: boolean) => Promise<Result>;
};

/** Runs seeded schedules, none of which may have a fault. One alone prints what happened in it. */
export async function runSeeds({ of, seeds, least, run }: Schedules): Promise<void> {
  const variable = `${of.toUpperCase()}_SEED`;
  const one = Deno.env.get(variable);
  const first = Number(one ?? 1);
  const count = one ? 1 : Number(Deno.env.get(`${variable}S`) ?? seeds);
  const totals: Record<string, number> = {};
  for (let seed = first; seed < first + count; seed++) {
    const result = await run(seed, one !== undefined);
    if (one) console.log(result.trace.join("\n"));
    const faults = result.faults.join("\n  ");
    assert.equal(faults, "", `seed ${seed} (${variable}=${seed} shows it):\n  ${faults}`);
    for (const [name, times] of Object.entries(result.totals)) {
      totals[name] = (totals[name] ?? 0) + times;
    }
  }
  console.log(`${of}, ${count} schedules:`, JSON.stringify(totals));
  if (count < seeds) return;
  for (const [name, times] of Object.entries(least)) {
    assert.ok(
      totals[name]! > times * count / seeds,
      `too few ${name} to mean something: ${totals[name]}`,
    );
  }
}
