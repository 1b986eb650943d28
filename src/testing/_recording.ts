import { checkKnown } from "../internal/options.ts";
import type { HookEvent } from "../core/mod.ts";
import { type AnyMatcher, matches } from "./_matches.ts";
import { describeCalls } from "./_transcript.ts";
import { ExpectationError } from "./expectation_error.ts";

/** One call of a hook, of whatever events. */
export type AnyCall = {
  readonly event: HookEvent;
  readonly context: { readonly attempt: number };
};

/** Looks in calls for what somebody waits for. */
type Find<Found> = (calls: readonly AnyCall[]) => Found | undefined;

/** The calls of a hook, and who waits for one. */
export class Recording {
  /** In order. */
  readonly calls: AnyCall[] = [];
  readonly #waiting = new Set<(call: AnyCall) => void>();

  /** Keeps a call, and tells those who wait. */
  add(call: AnyCall): void {
    this.calls.push(Object.freeze(call));
    for (const tell of this.#waiting) tell(call);
  }

  /** Resolves to what `find` finds in the calls until now, or else in one that comes. */
  waitFor<Found>(
    find: Find<Found>,
    wanted: string,
    signal: AbortSignal | undefined,
  ): Promise<Found> {
    const { promise, resolve, reject } = deferred<Found>();
    const look = (calls: readonly AnyCall[]): void => {
      try {
        const found = find(calls);
        if (found !== undefined) resolve(found);
      } catch (error) { // a predicate of the one who waits: the hook can't help it
        reject(error);
      }
    };
    const tell = (call: AnyCall): void => look([call]);
    const abort = (): void => reject(this.failure(`Gave up on ${wanted}`, signal?.reason));
    look(this.calls);
    if (signal?.aborted) abort();
    this.#waiting.add(tell);
    signal?.addEventListener("abort", abort);
    return promise.finally(() => {
      this.#waiting.delete(tell);
      signal?.removeEventListener("abort", abort);
    });
  }

  /** An error that shows all calls. */
  failure(what: string, cause?: unknown): ExpectationError {
    const options = cause === undefined ? undefined : { cause };
    return new ExpectationError(`${what}\n${describeCalls(this.calls)}`, options);
  }
}

/** The first event of some calls that a matcher means. */
export function findEvent(calls: readonly AnyCall[], matcher: AnyMatcher): HookEvent | undefined {
  checkKnown("Cannot match events", matcher, ["type", "sessionId", "data"]);
  return calls.find(({ event }) => matches(event, matcher))?.event;
}

/** `Promise.withResolvers`, which Node 20 does not have. */
function deferred<Value>(): {
  readonly promise: Promise<Value>;
  resolve(value: Value): void;
  reject(error: unknown): void;
} {
  let [resolve, reject] = [(_value: Value) => {}, (_error: unknown) => {}];
  const promise = new Promise<Value>((onResolve, onReject) => {
    [resolve, reject] = [onResolve, onReject];
  });
  return { promise, resolve, reject };
}
