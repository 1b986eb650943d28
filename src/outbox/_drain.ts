import type { Pass } from "./_claimer.ts";
import { type Env, pause } from "./_env.ts";
import { Signal } from "./_signal.ts";
import type { Targets } from "./_targets.ts";
import type { TroubleLog } from "./_trouble_log.ts";

/** How long until it looks again for what it could not have, in milliseconds: half of it at least. */
const LOOK = 100;

/** What is drained with. */
export type DrainOptions = {
  readonly env: Env;
  readonly targets: Targets;
  readonly log: TroubleLog;
  /** A pass over what is due; of what is leased for this call, `take` is told. */
  readonly pass: (longest: number, take: (delivery: Promise<boolean>) => void) => Promise<Pass>;
  /** Whether to go on. */
  readonly wanted: () => boolean;
};

/** Delivers what is due and can be done in time. It waits for what it leased, and for nobody else. */
export async function drain(
  budgetMs: number,
  { env, targets, log, pass, wanted }: DrainOptions,
): Promise<{ settled: number; remaining: boolean }> {
  const deadline = env.now() + budgetMs;
  const mine = new Set<Promise<void>>();
  const ended = new Signal();
  let settled = 0;
  let remaining = true;
  const take = (delivery: Promise<boolean>): void => {
    const held = delivery.then((isSettled) => {
      if (isSettled) settled++;
      mine.delete(held);
      ended.notify();
    });
    mine.add(held);
  };
  const timeout = (name: string): number => targets.get(name)?.target.timeout ?? Infinity;
  try {
    while (env.now() < deadline) {
      const { claimed, left, owed } = await pass(deadline - env.now(), take);
      for (const name of left) {
        if (timeout(name) > budgetMs) warn(log, name, timeout(name), budgetMs);
      }
      if (claimed > 0 && left.length === 0) continue;
      if (mine.size > 0) {
        await ended.next();
        continue;
      }
      remaining = owed || left.length > 0;
      const inTime = left.some((name) => timeout(name) <= deadline - env.now());
      if (!wanted() || !(owed || inTime)) break;
      await pause(env, Math.min(LOOK * (0.5 + env.random()), deadline - env.now()));
    }
  } finally {
    await Promise.all(mine);
  }
  return { settled, remaining };
}

function warn(log: TroubleLog, name: string, timeout: number, budgetMs: number): void {
  log.warn(
    `Deliveries to '${name}' can't be drained as its timeout of ${timeout} ms is longer than ` +
      `the budget of ${budgetMs} ms`,
  );
}
