import { onAbort } from "../../internal/async.ts";
import type { HookEvent } from "../events.ts";
import { ABORTED, type Decision, type FinalDecision, unrecorded } from "./decision.ts";
import type { HostParts } from "./gate_host.ts";
import type { RecordTime } from "./record_time.ts";

/**
 * How long a caller waits once its signal aborts, in milliseconds. A store that works has recorded the denial by
 * then; one that hangs would keep the caller waiting for many seconds.
 */
const GRACE = 250;

/** The parts of the hooks that waiting uses. */
type WaitHost = Pick<HostParts, "abandoned" | "clock" | "run" | "reporter">;

/** What happens once the caller waits no longer. */
type Ending<Result> = {
  /** Returns the caller's result, or throws. */
  instead(): Result;
  /** Receives what the work returned after that. */
  late?(result: Result): unknown;
};

/**
 * Waits for work, but only a moment longer once a signal aborts: the caller's, that of `close`, or that of
 * the decision's time. The work goes on after that, because the store may have applied what it sent.
 */
async function untilAborted<Result>(
  { clock, run, reporter }: WaitHost,
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
  host: WaitHost,
  work: Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  return untilAborted(host, work, [signal], {
    instead() {
      throw signal.reason;
    },
  });
}

/** A decision that is waited for, and what limits the wait. */
type Waiting<Result extends Decision> = {
  readonly event: HookEvent;
  readonly signal: AbortSignal | undefined;
  /** The decision's time, if it is recorded. */
  readonly time: RecordTime | undefined;
  /** Returns the id of the decision. */
  idOf(): string;
  /** Receives the decision if it was made after the caller was denied, with an error if time was up. */
  readonly late?: (decision: Result, why: Error | undefined) => unknown;
};

/**
 * Waits for a decision in the same way, also until its time is up. The caller is denied then. A decision without a
 * signal and a record is waited for.
 */
export function untilDecided<Result extends Decision>(
  host: WaitHost,
  deciding: Promise<Result>,
  { event, signal, time, idOf, late = () => {} }: Waiting<Result>,
): Promise<Result | FinalDecision> {
  if (!(time ?? signal)) return deciding;
  const signals = [signal, host.abandoned, time?.signal];
  let ended: AbortSignal | undefined;
  return untilAborted<Result | FinalDecision>(host, deciding, signals, {
    instead() {
      ended = signals.find((signal) => signal?.aborted);
      const made = { id: idOf(), event };
      return ended === time?.signal ? unrecorded(made, ended?.reason) : abortedDecision(made);
    },
    late(decision) {
      const why: Error | undefined = ended === time?.signal ? ended?.reason : undefined;
      const isReported = why === undefined || "failure" in decision;
      if (!isReported) host.reporter.failed("A decision was recorded too late", why, event);
      return late(decision as Result, why);
    },
  }).finally(() => time?.stop());
}

/** Returns the denial for a caller that waits no longer. */
export function abortedDecision(
  { id, event: { data } }: { readonly id: string; readonly event: HookEvent },
): FinalDecision {
  return { id, data, gates: [], decision: "deny", reason: ABORTED };
}
