import type { DeadLetterRecord, DeliveryRecord } from "../../src/outbox/records.ts";
import type { SessionState } from "./session_model.ts";
import type { Place } from "./leases.ts";

/** What is known of one delivery. */
export type DeliveryState = Place & {
  readonly id: string;
  dead: DeadLetterRecord | undefined;
  log: DeliveryRecord | undefined;
  /** How often it was delivered: once, and once more for each time that it was replayed then. */
  delivered: number;
  /** How often it was delivered again after its end. */
  revivals: number;
  /** The session in which it waits. */
  session: SessionState | undefined;
  /** The session in which it ever was. */
  ordered: SessionState | undefined;
  /** Whether its target was removed while it waited: who leased it before may still send it. */
  purged: boolean;
};

/** A delivery of which nothing is known. */
export function newDelivery(w: string, id: string): DeliveryState {
  const nothing = { dead: undefined, log: undefined, session: undefined, ordered: undefined };
  const counts = { reclaims: 0, returns: 0, delivered: 0, revivals: 0 };
  return { w, id, name: `${w} ${id}`, due: new Map(), ...nothing, ...counts, purged: false };
}
