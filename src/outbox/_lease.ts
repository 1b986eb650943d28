import type { Attempt } from "../core/mod.ts";
import type { StoreKey } from "../store/mod.ts";
import type { DeliveryLog, Due } from "./_records.ts";
import type { Slot } from "./_targets.ts";

/** A due key that this process leased: its versionstamp is the lease. */
export type Lease = {
  readonly target: string;
  /** The slot that it takes. */
  readonly slot: Slot;
  /** The due key, and the time in it. */
  readonly key: StoreKey;
  readonly at: number;
  readonly due: Due;
  readonly versionstamp: string;
  /** The event; undefined: the due key is a lane's. */
  readonly id: string | undefined;
  /** Of a lane: its session. */
  readonly session: string | undefined;
};

/** The first delivery of a lane. */
export type LaneHead = {
  /** Its number in the lane; undefined: the lane has none. */
  readonly n: number | undefined;
  /** Its event. */
  readonly id: string;
  /** Whether others wait behind it. */
  readonly more: boolean;
  /** The lane's record as it was read. */
  readonly versionstamp: string | null;
};

/** What a lease is about, once it is known. */
export type Job = { readonly lease: Lease; readonly id: string; readonly lane?: LaneHead };

/** How a lease ends. */
export type Settlement =
  | { readonly kind: "delivered"; readonly attempt: Attempt; readonly log: DeliveryLog }
  | {
    readonly kind: "retry";
    readonly attempt: Attempt;
    readonly log: DeliveryLog;
    readonly at: number;
  }
  | {
    readonly kind: "dead";
    readonly attempt?: Attempt;
    readonly log: DeliveryLog;
    readonly reason: string;
    /** The type of its event, when that could be read. */
    readonly type?: string;
  }
  | { readonly kind: "expired"; readonly log: DeliveryLog }
  /** The lane has no delivery left. */
  | { readonly kind: "empty" }
  /** No outcome: it goes back as it was. */
  | { readonly kind: "returned" };
