/**
 * What the outbox has in a store, read past it.
 * @module
 */
import { openStore } from "./open_store.ts";
import { pause } from "./wait.ts";

/** What `leasesIn` finds. */
type Leases = {
  /** The lease of each delivery that has one, by target and event. */
  readonly leased: ReadonlyMap<string, string>;
  /** How many are leased or wait. */
  readonly live: number;
  readonly dead: number;
};

/** What is left to do in a database, and what was given up. Its connection may be ended at any time. */
export async function leasesIn(path: string): Promise<Leases> {
  for (let tries = 1;; tries++) {
    try {
      return await readLeases(path);
    } catch (error) {
      if (tries === 20) throw error;
      await pause(200);
    }
  }
}

async function readLeases(path: string): Promise<Leases> {
  const store = await openStore(path);
  try {
    const leased = new Map<string, string>();
    let [live, dead] = [0, 0];
    for await (const { key, value } of store.list({ prefix: ["hooks", "due"] })) {
      live++;
      const { until, by } = value as { readonly until: number; readonly by: string };
      if (until > 0) leased.set(`${key[2]}/${key[4]}`, by);
    }
    for await (const _ of store.list({ prefix: ["hooks", "dead"] })) dead++;
    return { leased, live, dead };
  } finally {
    store.close();
  }
}
