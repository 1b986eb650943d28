/** The callers that wait for one ask. */
type Waits = {
  readonly callers: Set<{ readonly signal: AbortSignal | undefined }>;
  isTaken: boolean;
  isReported: boolean;
};

/** A caller that waits for an ask. */
export type Wait = {
  /** Returns whether another caller waits for the ask, or got its approval since this one began to wait. */
  isNeeded(): boolean;
  /** Notes that this caller got the approval. */
  take(): void;
  /** Notes that the failure of the store is reported. Returns false if another caller has reported it. */
  report(): boolean;
  leave(): void;
};

/** The callers that wait for asks in this process. */
export class AskWaits {
  readonly #waits = new Map<string, Waits>();

  /** Adds a caller, which waits until its signal aborts. */
  enter(id: string, signal: AbortSignal | undefined): Wait {
    const waits = this.#waits.get(id) ?? { callers: new Set(), isTaken: false, isReported: false };
    this.#waits.set(id, waits);
    const caller = { signal };
    waits.callers.add(caller);
    return {
      isNeeded: () => waits.isTaken || [...waits.callers].some(({ signal }) => !signal?.aborted),
      take: () => void (waits.isTaken = true),
      report: () => !waits.isReported && (waits.isReported = true),
      leave: () => {
        waits.callers.delete(caller);
        if (waits.callers.size === 0) this.#waits.delete(id);
      },
    };
  }
}
