import type { Prepared } from "./_prepare.ts";
import type { Due } from "./_records.ts";
import type { Slot } from "./_targets.ts";

/** A delivery that this process leased as it was born. */
export type BornLease = {
  readonly target: string;
  /** The slot that it takes. */
  readonly slot: Slot;
  /** Of a lane that began with it. */
  readonly session: string | undefined;
  /** Whether others of the lane are stored with it. */
  more: boolean;
  readonly prepared: Prepared;
  readonly at: number;
  readonly due: Due;
};

/** What the publisher needs of the worker. */
export type Lessor = {
  /** Takes a slot of a target, if one is free and the worker runs: the lease of a delivery born now. */
  lease(target: string): Pick<BornLease, "slot" | "due"> | undefined;
  /** The delivery was not stored: the slot is given back. */
  cancel(lease: BornLease): void;
  /** The delivery was stored, at this versionstamp: it is attempted at once. */
  attempt(lease: BornLease, versionstamp: string): void;
  /** Resolves when the next publish commit may go: it waits for deliveries that the store holds up. */
  turn(): Promise<void>;
  /** Something was stored that nobody has leased: how many deliveries, by target, apart from sessions' queues. */
  stored(unleased: ReadonlyMap<string, number>): void;
};
