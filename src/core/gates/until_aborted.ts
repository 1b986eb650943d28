import { onAbort } from "../../internal/async.ts";
import type { HookEvent } from "../events.ts";
import type { FinalDecision } from "./decision.ts";
import type { HostParts } from "./gate_host.ts";

/**
 * How long a caller waits once its signal aborts, in milliseconds. A store that works has recorded the denial by
 * then; one that hangs would keep the caller waiting for many seconds.
 */
const GRACE = 250;

/** What happens once the caller waits no longer. */
type Ending<Result> = {
  /** Returns the caller's result, or throws. */
  instead(): Result;
  /** Receives what the work returned after that. */
  late?(result: Result): unknown;
};

/**
 * Waits for work, but only a moment longer once a signal aborts: the caller's, or that of `close`. The work goes on
 * after that, because the store may have applied what it sent.
 */
export async function untilAborted<Result>(
  { clock, run, reporter }: Pick<HostParts, "clock" | "run" | "reporter">,
  work: Promise<Result>,
  signals: readonly (AbortSignal | undefined)[],
  { instead, late = () => {} }: Ending<Result>,
): Promise<Result> {
  const isReason = (error: unknown): boolean =>
    signals.some((signal) => signal?.aborted && signal.reason === error);
  let cancel: (() => void) | undefined;
  const release: (() => void)[] = [];
  const isOver = new Promise<typeof OVER>((resolve) => {
    const start = (): void => void (cancel ??= clock.setTimer(GRACE, () => resolve(OVER)));
    for (const signal of signals) if (signal) release.push(onAbort(signal, start));
  });
  try {
    const result = await Promise.race([work, isOver]);
    if (result !== OVER) return result;
  } catch (error) {
    if (!isReason(error)) throw error;
    return instead();
  } finally {
    cancel?.();
    for (const end of release) end();
  }
  // `close` still waits for it.
  run(() => work.then(late)).catch((error) => {
    if (!isReason(error)) reporter.failed("A decision failed after it was aborted", error);
  });
  return instead();
}

const OVER = Symbol();

/** Waits for work in the same way. @throws the reason of the signal, once it aborts */
export function untilThrown<Result>(
  host: Pick<HostParts, "clock" | "run" | "reporter">,
  work: Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  return untilAborted(host, work, [signal], {
    instead() {
      throw signal.reason;
    },
  });
}

/** Returns the denial for a caller that waits no longer. */
export function abortedDecision(id: string, { data }: HookEvent): FinalDecision {
  return { id, data, gates: [], decision: "deny", reason: "The decision was aborted" };
}
