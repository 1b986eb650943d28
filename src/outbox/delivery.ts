import type { Attempt } from "../core/mod.ts";

/** How a delivery stands. */
export type DeliveryState = "pending" | "delivered" | "dead" | "expired";

/** An attempt as it is kept. */
export type LoggedAttempt = Attempt & {
  /** When it ended, by the clock of the process that made it. */
  readonly at: Date;
};

/** How a delivery stands. */
export type Delivery = {
  /** The webhook or durable hook. */
  readonly target: string;
  /** The event. */
  readonly eventId: string;
  /** What became of it. */
  readonly state: DeliveryState;
  /** How many attempts were made. */
  readonly made: number;
  /** The last 20 of them, the latest last. */
  readonly attempts: readonly LoggedAttempt[];
  /** When it is due, while it is pending and its time is known. */
  readonly dueAt?: Date;
  /**
   * Until when a process has leased it for an attempt, by the clock of that process. If the process is gone,
   * the delivery is attempted again then. Absent for a target with an `ordering`.
   */
  readonly leasedUntil?: Date;
};

/** A delivery in a list. What a list does not read to make it is absent. */
export type DeliverySummary = {
  /** The webhook or durable hook. */
  readonly target: string;
  /** The event. */
  readonly eventId: string;
  /** What became of it. */
  readonly state: DeliveryState;
  /** When it is due; of pending ones, except where those of a session wait for one another. */
  readonly dueAt?: Date;
  /** Until when a process has leased it for an attempt; of pending ones. */
  readonly leasedUntil?: Date;
  /** How many attempts were made; of attempted ones. */
  readonly made?: number;
  /** The latest of them; of attempted ones. */
  readonly lastAttempt?: LoggedAttempt;
  /** When it was given up; of dead ones. */
  readonly diedAt?: Date;
  /** Why it was given up; of dead ones. */
  readonly reason?: string;
};
