import type { StoreKey } from "../../src/store/mod.ts";
import type { SessionState } from "./session_model.ts";
import type { DeliveryState } from "./delivery_model.ts";

/** A key was purged. */
export function forget(place: DeliveryState | SessionState, key: StoreKey): void {
  const [, kind, , , n] = key;
  place.due.delete(key.join(" "));
  if (!("entries" in place)) {
    if (kind === "dead") place.dead = undefined;
    if (kind === "delivery") place.log = undefined;
  } else if (kind === "lane" && n === undefined) place.next = undefined;
  else if (kind === "lane") {
    const entry = place.entries.get(Number(n));
    if (entry) Object.assign(entry, { session: undefined, purged: true });
    place.entries.delete(Number(n));
  }
}
