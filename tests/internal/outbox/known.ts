import type { Dead, DeliveryLog } from "../../../src/outbox/_records.ts";
import type { LaneKnown } from "./lane_ledger.ts";
import type { Place } from "./leases.ts";

/** What is known of one delivery. */
export type Known = Place & {
  readonly id: string;
  dead: Dead | undefined;
  log: DeliveryLog | undefined;
  /** How often it was delivered: once, and once more for each time that it was replayed then. */
  delivered: number;
  /** How often it was delivered again after its end. */
  revivals: number;
  /** The lane in which it waits. */
  lane: LaneKnown | undefined;
  /** The lane in which it ever was. */
  ordered: LaneKnown | undefined;
};

/** A delivery of which nothing is known. */
export function newKnown(w: string, id: string): Known {
  const nothing = { dead: undefined, log: undefined, lane: undefined, ordered: undefined };
  const counts = { reclaims: 0, returns: 0, delivered: 0, revivals: 0 };
  return { w, id, name: `${w} ${id}`, due: new Map(), ...nothing, ...counts };
}
