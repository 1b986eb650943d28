import type { StoreEntry } from "../../../src/store/mod.ts";
import type { TargetStats } from "../../../src/outbox/operations.ts";
import type { Ledger } from "./ledger.ts";

const DAY = 24 * 60 * 60 * 1000;

/** What the counts must be, by target, day and what is counted. */
function recount(ledger: Ledger): Map<string, number> {
  const counts = new Map<string, number>();
  const add = (w: string, id: string, what: string, by = 1): void => {
    const day = Math.floor(parseInt(id.slice(0, 8) + id.slice(9, 13), 16) / DAY);
    const name = `${w} ${day} ${what}`;
    if (by > 0) counts.set(name, (counts.get(name) ?? 0) + by);
  };
  for (const [id, { to }] of ledger.heads) {
    for (const w of to) {
      if (ledger.endpoints.isRemoved(w)) continue;
      add(w, id, "accepted");
      const { log, delivered = 0 } = ledger.known.get(`${w} ${id}`) ?? {};
      if (log === undefined) continue;
      if (log.state !== "pending") add(w, id, log.state);
      add(w, id, "failed", log.made - delivered);
    }
  }
  return counts;
}

/** Every commit counted once: the counts equal what is there. */
export function checkCounts(counts: readonly StoreEntry[], ledger: Ledger): void {
  const expected = recount(ledger);
  const there = counts.filter(({ key }) => !ledger.endpoints.isRemoved(String(key[2])));
  const found = new Map(there.map(({ key, value }) => [key.slice(2).join(" "), Number(value)]));
  for (const name of new Set([...expected.keys(), ...found.keys()])) {
    const [is, shall] = [found.get(name) ?? 0, expected.get(name) ?? 0];
    if (is !== shall) ledger.violate(`counts: ${name} is ${is} and should be ${shall}`);
  }
}

/** Figures equal a full recount. */
export function checkFigures(figures: readonly TargetStats[] | undefined, ledger: Ledger): void {
  if (figures === undefined) return ledger.violate("figures: none were told");
  const expected = new Map<string, number>();
  for (const [name, count] of recount(ledger)) {
    const [w, , what] = name.split(" ");
    expected.set(`${w} ${what}`, (expected.get(`${w} ${what}`) ?? 0) + count);
  }
  for (const { target, pending, ...counts } of figures) {
    if (ledger.endpoints.isRemoved(target)) continue;
    for (const what of ["accepted", "delivered", "dead", "expired", "failed"] as const) {
      const shall = expected.get(`${target} ${what}`) ?? 0;
      if (counts[what] !== shall) {
        ledger.violate(`figures: ${target} has ${counts[what]} ${what} and not ${shall}`);
      }
    }
    if (pending !== 0) ledger.violate(`figures: ${target} has ${pending} pending`);
  }
}
