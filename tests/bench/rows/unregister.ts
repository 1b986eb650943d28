import { HookRegistry, type Registration } from "@omniagent/hooks";
import { pairedRatio, type Sample } from "../sampler.ts";
import { event } from "./_event.ts";
import type { Row } from "./row.ts";

/** Handlers in memory, on either side. */
const HANDLERS = 10_000;
/** Handlers that are unregistered per measurement. */
const VICTIMS = 100;
/** Measurements per sample. */
const ROUNDS = 20;

/** Unregistering must not search: the end of one session of thousands must not block the others. */
export const unregisterRows: readonly Row[] = [{
  name: "unregister, one of 10,000",
  against: "one of 1,000",
  budget: { atMost: 2 },
  inside: () => pairedRatio(unregisterFrom(1), unregisterFrom(10)),
}];

/**
 * One registry of 10,000 handlers, or ten of 1,000: the same memory on both sides, or else it is the
 * processor's caches that are measured (deleting from a `Set` of 10,000 takes three times as long
 * as from one of 1,000).
 *
 * All handlers subscribe to one type, the worst case for a list per type. The unregistered ones are chosen at
 * random, so that a search would have to walk half of the list. They are replaced outside the measurement,
 * and an event is dispatched then, so that anything built at dispatch has to be undone.
 */
function unregisterFrom(count: number): Sample {
  const registries = Array.from({ length: count }, () => new HookRegistry());
  const register = (registry: HookRegistry): Member => ({
    registry,
    registration: registry.registerHandler(event.type, "", () => {}),
  });
  const members = registries.flatMap((registry) =>
    Array.from({ length: HANDLERS / count }, () => register(registry))
  );

  return async () => {
    let took = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const victims = takeAtRandom(members, VICTIMS);
      const start = performance.now();
      for (const victim of victims) victim.registration.unregister();
      took += performance.now() - start;
      for (const victim of victims) members.push(register(victim.registry));
      for (const registry of registries) await registry.dispatch(event);
    }
    return took / (ROUNDS * VICTIMS);
  };
}

/** A handler's registration, and where its successor goes. */
type Member = { readonly registry: HookRegistry; readonly registration: Registration };

function takeAtRandom(members: Member[], count: number): Member[] {
  return Array.from({ length: count }, () => {
    const index = Math.floor(Math.random() * members.length);
    const last = members.pop()!;
    if (index === members.length) return last;
    const taken = members[index]!;
    members[index] = last;
    return taken;
  });
}
