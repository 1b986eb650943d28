import { setTimer } from "../../internal/async.ts";

/**
 * How long a locked file is tried, in milliseconds. Half of what the outbox waits for a commit: it comes
 * back once more by itself.
 */
const LOCKED_PATIENCE = 5000;

/** The first pause, which doubles up to the longest. Milliseconds, and half to one and a half of it. */
const PAUSE = { first: 5, longest: 250 };

/** What the waiting takes from its surroundings: tests give their own. */
export type LockedEnv = {
  /** The clock, in milliseconds. */
  now(): number;
  /** A number in [0, 1). */
  random(): number;
  /** Waits. */
  pause(milliseconds: number): Promise<void>;
};

/** The platform's. */
const platform: LockedEnv = {
  now: () => performance.now(),
  random: () => Math.random(),
  pause: (milliseconds) => new Promise((resolve) => void setTimer(milliseconds, resolve)),
};

/**
 * Does something again while another process holds the file. SQLite gives up after a while, having
 * applied nothing, and the other process may be faster again and again: hence by time, and with jitter.
 */
export async function retryLocked<T>(
  action: () => Promise<T>,
  env: LockedEnv = platform,
): Promise<T> {
  const deadline = env.now() + LOCKED_PATIENCE;
  for (let wait = PAUSE.first;; wait = Math.min(wait * 2, PAUSE.longest)) {
    try {
      return await action();
    } catch (error) {
      const pause = wait * (0.5 + env.random());
      if (!isLocked(error) || env.now() + pause >= deadline) throw error;
      await env.pause(pause);
    }
  }
}

function isLocked(error: unknown): boolean {
  return error instanceof Error &&
    /database (?:table )?is locked/i.test(error.message);
}
