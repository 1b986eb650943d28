import { delay } from "../internal/async.ts";

/** Resolves when all work has settled, or after a time in milliseconds. */
export async function settled(work: ReadonlySet<Promise<unknown>>, limit: number): Promise<void> {
  if (work.size === 0) return;
  const enough = new AbortController();
  await Promise.race([Promise.allSettled(work), delay(limit, enough.signal)]);
  enough.abort();
}
