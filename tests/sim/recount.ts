import type { StoreEntry } from "../../src/store/mod.ts";
import type { TargetStats } from "../../src/outbox/operation_types.ts";
import type { Model } from "./model.ts";

const DAY = 24 * 60 * 60 * 1000;

/** What the counts must be, by target, day and what is counted. */
function recount(model: Model): Map<string, number> {
  const counts = new Map<string, number>();
  const add = (w: string, id: string, what: string, by = 1): void => {
    const day = Math.floor(parseInt(id.slice(0, 8) + id.slice(9, 13), 16) / DAY);
    const name = `${w} ${day} ${what}`;
    if (by > 0) counts.set(name, (counts.get(name) ?? 0) + by);
  };
  for (const [id, { to }] of model.heads) {
    for (const w of to) {
      if (model.endpoints.isRemoved(w)) continue;
      add(w, id, "accepted");
      const { log, delivered = 0 } = model.known.get(`${w} ${id}`) ?? {};
      if (log === undefined) continue;
      if (log.state !== "pending") add(w, id, log.state);
      add(w, id, "failed", log.made - delivered);
    }
  }
  return counts;
}

/** Every commit counted once: the counts equal what is there. */
export function checkCounts(counts: readonly StoreEntry[], model: Model): void {
  const expected = recount(model);
  const there = counts.filter(({ key }) => !model.endpoints.isRemoved(String(key[2])));
  const found = new Map(there.map(({ key, value }) => [key.slice(2).join(" "), Number(value)]));
  for (const name of new Set([...expected.keys(), ...found.keys()])) {
    const [is, shall] = [found.get(name) ?? 0, expected.get(name) ?? 0];
    if (is !== shall) model.violate(`counts: ${name} is ${is} and should be ${shall}`);
  }
}

/** Stats equal a full recount. */
export function checkStats(stats: readonly TargetStats[] | undefined, model: Model): void {
  if (stats === undefined) return model.violate("stats: none were returned");
  const expected = new Map<string, number>();
  for (const [name, count] of recount(model)) {
    const [w, , what] = name.split(" ");
    expected.set(`${w} ${what}`, (expected.get(`${w} ${what}`) ?? 0) + count);
  }
  for (const { target, pending, ...counts } of stats) {
    if (model.endpoints.isRemoved(target)) continue;
    for (const what of ["accepted", "delivered", "dead", "expired", "failed"] as const) {
      const shall = expected.get(`${target} ${what}`) ?? 0;
      if (counts[what] !== shall) {
        model.violate(`stats: ${target} has ${counts[what]} ${what} and not ${shall}`);
      }
    }
    if (pending !== 0) model.violate(`stats: ${target} has ${pending} pending`);
  }
}
