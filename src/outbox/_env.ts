import { setTimer } from "../internal/async.ts";

/** What the outbox takes from its surroundings: tests give their own. */
export type Env = {
  /** The clock, in milliseconds since 1970. */
  now(): number;
  /** A number in [0, 1). */
  random(): number;
  /**
   * Calls back after some milliseconds; gives what cancels it. `idle`: a process that has nothing else to
   * do need not stay for it.
   */
  after(milliseconds: number, callback: () => void, idle?: boolean): () => void;
};

/** The platform's. */
export const platform: Env = {
  now: () => Date.now(),
  random: () => Math.random(),
  after: setTimer,
};

/** Waits. */
export function pause(env: Env, milliseconds: number): Promise<void> {
  return new Promise((resolve) => void env.after(milliseconds, resolve));
}
