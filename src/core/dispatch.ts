import { abortable, isThenable } from "../internal/async.ts";
import type { HandlerOutcome, Receipt } from "./emitter.ts";
import { DispatchError } from "./errors.ts";
import type { HookEvent } from "./events.ts";
import type { HandlerList } from "./handler_table.ts";
import type { HandlerContext } from "./hook.ts";
import { type Entry, type Invoke, SKIPPED } from "./entry.ts";

/** Options of some dispatches. */
type DispatchOptions = {
  /** How many deliveries were stored. */
  readonly deliveries: number;
  /** The event as inline webhooks send it. */
  readonly sent: HookEvent;
  /** When it aborts, running handlers are no longer awaited, and no more are called. */
  readonly signal: AbortSignal;
  /** Returns the context of a call. */
  readonly contextOf: (entry: Entry) => HandlerContext;
};

/** The state of a dispatch, once there is more to it than sync handlers that succeed. */
type Dispatch = {
  readonly list: HandlerList;
  readonly event: HookEvent;
  readonly options: DispatchOptions | undefined;
  /** By index, the functions to call. */
  invokes: readonly Invoke[];
  /** The index of the call to make next. */
  next: number;
  /** The promise of the previous call, if it has to be awaited. */
  promise: PromiseLike<unknown> | undefined;
  /** By index, the outcomes of calls that failed, and undefined for those that were skipped. */
  exceptions: Map<number, HandlerOutcome | undefined> | undefined;
  /** Inline webhooks on their way. */
  sending: Promise<void>[] | undefined;
};

/**
 * Calls the handlers of an event in order. Runs synchronously until one returns a promise, so that sync
 * handlers have run when this returns. Inline webhooks are sent in parallel, and awaited at the end.
 *
 * @throws {DispatchError} as a rejection, when handlers failed
 */
export function callHandlers(
  list: HandlerList,
  event: HookEvent,
  options?: DispatchOptions,
): Promise<Receipt> {
  const start = options && createDispatch(list, event, options);
  const dispatch = callUntilPromise(list, event, start);
  if (dispatch === undefined) {
    return Promise.resolve(
      { id: event.id, deliveries: 0, duplicate: false, handlers: list.successes },
    );
  }
  return awaitHandlers(dispatch);
}

/**
 * Calls handlers until one returns a promise to await, or all have been called. `dispatch` is the state so
 * far. Returns the state after that; undefined if it is still empty.
 */
function callUntilPromise(
  list: HandlerList,
  event: HookEvent,
  dispatch: Dispatch | undefined,
): Dispatch | undefined {
  const { contexts } = list;
  const invokes = dispatch?.invokes ?? list.invokes;
  let state = dispatch;
  for (let index = dispatch?.next ?? 0; index < invokes.length; index++) {
    try {
      const result = invokes[index]!(event, contexts[index]!);
      if (result === undefined) continue;
      state ??= createDispatch(list, event);
      if (!noteResult(state, index, result)) continue;
      state.next = index + 1;
      return state;
    } catch (error) {
      state ??= createDispatch(list, event);
      fail(state, index, error);
    }
  }
  if (state !== undefined) state.promise = undefined;
  return state;
}

/** Notes what a call returned. Returns whether it has to be awaited before the next call. */
function noteResult(dispatch: Dispatch, index: number, result: unknown): boolean {
  if (result === SKIPPED) except(dispatch, index, undefined);
  if (!isThenable(result)) return rejectVerdict(result);
  if (dispatch.list.calls[index]!.isSender) {
    send(dispatch, index, result);
    return false;
  }
  dispatch.promise = result;
  return true;
}

/** Returns false. @throws {TypeError} for what `deny()`, `ask()` or `allow()` returned: it would decide nothing */
function rejectVerdict(result: unknown): false {
  // Not by `isVerdict`, whose file loads with gates.
  if (Symbol.for("omniagent.hooks.verdict") in Object(result)) {
    throw new TypeError("A handler returned a decision, but only gates decide: use hooks.gate()");
  }
  return false;
}

function createDispatch(
  list: HandlerList,
  event: HookEvent,
  options?: DispatchOptions,
): Dispatch {
  return {
    list,
    event,
    options,
    invokes: options ? callsWith(list, options) : list.invokes,
    next: 0,
    promise: undefined,
    exceptions: undefined,
    sending: undefined,
  };
}

/** Returns the calls of a dispatch with options. */
function callsWith(
  { calls }: HandlerList,
  { sent, signal, contextOf }: DispatchOptions,
): readonly Invoke[] {
  return calls.map((entry) => (event) => {
    signal.throwIfAborted();
    return entry.invoke(entry.isSender ? sent : event, contextOf(entry));
  });
}

/** Returns calls that fail, for when `close` has given up: the handlers' hooks may be closed. */
function failingCalls({ calls, host }: HandlerList): readonly Invoke[] {
  return calls.map(() => () => {
    throw host.lifecycle.abandoned.reason;
  });
}

/** Awaits what handlers return, one after the other, then the inline webhooks. */
async function awaitHandlers(dispatch: Dispatch): Promise<Receipt> {
  const { list, event, options } = dispatch;
  const leave = list.host.inFlight.enter();
  while (dispatch.promise !== undefined) {
    const { promise } = dispatch;
    try {
      rejectVerdict(
        await (options === undefined ? promise : abortable(promise, options.signal)),
      );
    } catch (error) {
      fail(dispatch, dispatch.next - 1, error);
    }
    if (list.host.lifecycle.isAbandoned) dispatch.invokes = failingCalls(list);
    callUntilPromise(list, event, dispatch);
  }
  if (dispatch.sending !== undefined) await Promise.all(dispatch.sending);
  leave();
  return conclude(dispatch);
}

/** Notes an inline webhook that is being sent. */
function send(dispatch: Dispatch, index: number, sent: PromiseLike<unknown>): void {
  dispatch.sending ??= [];
  dispatch.sending.push(
    Promise.resolve(sent).then(() => {}, (error) => fail(dispatch, index, error)),
  );
}

/** Reports a failure and notes its outcome. */
function fail(dispatch: Dispatch, index: number, error: unknown): void {
  const { event, list: { host, successes } } = dispatch;
  const { name } = successes[index]!;
  const message = `Handler '${name}' failed on event '${event.type}' (${event.id})`;
  host.reporter.failed(message, error, event);
  except(dispatch, index, { name, ok: false, error });
}

function except(dispatch: Dispatch, index: number, outcome: HandlerOutcome | undefined): void {
  dispatch.exceptions ??= new Map();
  dispatch.exceptions.set(index, outcome);
}

/** Returns the receipt of a dispatch. @throws {DispatchError} when handlers failed */
function conclude({ event, options, exceptions, list: { successes } }: Dispatch): Receipt {
  const handlers = exceptions === undefined ? successes : outcomesWith(exceptions, successes);
  const deliveries = options?.deliveries ?? 0;
  const receipt = { id: event.id, deliveries, duplicate: false, handlers };
  if (exceptions === undefined) return receipt;
  const failures = handlers.filter(({ ok }) => !ok);
  if (failures.length > 0) throw new DispatchError(event.type, failures, receipt);
  return receipt;
}

/** Returns the receipt of an event whose handlers failed. @throws any other error */
export function receiptIn(error: unknown): Receipt {
  if (error instanceof DispatchError) return error.receipt;
  throw error;
}

function outcomesWith(
  exceptions: ReadonlyMap<number, HandlerOutcome | undefined>,
  successes: readonly HandlerOutcome[],
): readonly HandlerOutcome[] {
  return successes.flatMap((success, index) => {
    const outcome = exceptions.has(index) ? exceptions.get(index) : success;
    return outcome === undefined ? [] : [outcome];
  });
}
