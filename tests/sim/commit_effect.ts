import type { DeliveryRecord } from "../../src/outbox/records.ts";
import type { Mutation } from "./faulty_store.ts";
import { isEntryOf, type SessionState } from "./session_model.ts";
import type { CommitEffect } from "./leases.ts";
import type { DeliveryState } from "./delivery_model.ts";

/** What a commit does to the place of a due key besides. */
export function effectOf(
  place: DeliveryState | SessionState,
  mutations: readonly Mutation[],
): CommitEffect {
  if (!("entries" in place)) {
    const { w, id } = place;
    const created = mutations.some(({ key }) => key[1] === "event" && key[2] === id);
    const ended = place.dead !== undefined || place.log?.state === "delivered";
    const written = mutations.find(({ key: [, kind, target, of] }) =>
      kind === "delivery" && target === w && of === id
    );
    const { made, state } = (written as { value?: DeliveryRecord } | undefined)?.value ?? {};
    const moved = !ended && state === "pending" && made === (place.log?.made ?? 0);
    return { created: created || ended, next: false, moved };
  }
  const some = (what: Mutation["what"]): boolean =>
    mutations.some((mutation) => mutation.what === what && isEntryOf(place, mutation));
  const moved = mutations.every(({ what }) => what !== "sum") && !some("set") && !some("delete");
  return { created: place.next === undefined && some("set"), next: some("delete"), moved };
}
