import { abortable, isThenable } from "../internal/async.ts";
import type { InFlight } from "./active_work.ts";
import type { HandlerOutcome, Receipt } from "./emitter.ts";
import { DispatchError } from "./errors.ts";
import type { HookEvent } from "./events.ts";
import type { HandlerList, HandlerTable } from "./handler_table.ts";
import type { HandlerContext } from "./hook.ts";
import type { HookLifecycle } from "./lifecycle.ts";
import { type Entry, SKIPPED } from "./entry.ts";
import type { Reporter } from "./reporter.ts";

/** What the dispatches of a registry share. */
export type DispatchHost = {
  readonly reporter: Reporter;
  readonly inFlight: InFlight;
  readonly lifecycle: HookLifecycle;
  readonly handlers: HandlerTable;
};

/** What some dispatches have of their own. */
export type DispatchOptions = {
  /** The handlers, as they were when the event was accepted. */
  readonly list: HandlerList;
  /** How many deliveries were stored. */
  readonly deliveries: number;
  /** The event as inline webhooks send it. */
  readonly sent: HookEvent;
  /** When it aborts, running handlers are not awaited any longer, and no more are called. */
  readonly signal: AbortSignal;
  /** Returns the context of a call. */
  readonly contextOf: (entry: Entry) => HandlerContext;
};

/** The state of one dispatch. */
type Dispatch = {
  readonly host: DispatchHost;
  readonly list: HandlerList;
  readonly event: HookEvent;
  readonly options: DispatchOptions | undefined;
  /** The index of the call to make next. */
  next: number;
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
  host: DispatchHost,
  event: HookEvent,
  options?: DispatchOptions,
): Promise<Receipt> {
  const dispatch: Dispatch = {
    host,
    list: options === undefined ? host.handlers.listFor(event.type) : options.list,
    event,
    options,
    next: 0,
    exceptions: undefined,
    sending: undefined,
  };
  const promise = callUntilPromise(dispatch);
  return promise === undefined && dispatch.sending === undefined
    ? settle(dispatch)
    : awaitHandlers(dispatch, promise);
}

/** Calls handlers until one returns a promise to await, and returns it; undefined after the last one. */
function callUntilPromise(dispatch: Dispatch): PromiseLike<unknown> | undefined {
  const { list: { calls }, event } = dispatch;
  const isPlain = dispatch.options === undefined && !dispatch.host.lifecycle.isAbandoned;
  for (let index = dispatch.next; index < calls.length; index++) {
    try {
      const { invoke, context } = calls[index]!;
      const result = isPlain ? invoke(event, context) : callWith(dispatch, index);
      if (result === undefined) continue;
      if (result === SKIPPED) except(dispatch, index, undefined);
      else if (isThenable(result)) {
        if (!calls[index]!.isSender) {
          dispatch.next = index + 1;
          return result;
        }
        send(dispatch, index, result);
      }
    } catch (error) {
      fail(dispatch, index, error);
    }
  }
  return undefined;
}

/** Makes a call of a dispatch that has options, or after `close` gave up. */
function callWith({ host, event, options, list }: Dispatch, index: number): unknown {
  const { isAbandoned, abandoned } = host.lifecycle;
  if (isAbandoned) throw abandoned.reason; // the handler's hook may be closed
  const { signal, sent, contextOf } = options!;
  signal.throwIfAborted();
  const { invoke, isSender, entry } = list.calls[index]!;
  return invoke(isSender ? sent : event, contextOf(entry));
}

/** Awaits what handlers return, one after the other, then the inline webhooks. */
async function awaitHandlers(
  dispatch: Dispatch,
  first: PromiseLike<unknown> | undefined,
): Promise<Receipt> {
  const { host, options } = dispatch;
  const leave = host.inFlight.enter();
  for (let promise = first; promise !== undefined; promise = callUntilPromise(dispatch)) {
    try {
      await (options === undefined ? promise : abortable(promise, options.signal));
    } catch (error) {
      fail(dispatch, dispatch.next - 1, error);
    }
  }
  if (dispatch.sending !== undefined) await Promise.all(dispatch.sending);
  leave();
  return settle(dispatch);
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
  const { host, event, list } = dispatch;
  const { name } = list.successes[index]!;
  const message = `Handler '${name}' failed on event '${event.type}' (${event.id})`;
  host.reporter.failed(message, error, event);
  except(dispatch, index, { name, ok: false, error });
}

function except(dispatch: Dispatch, index: number, outcome: HandlerOutcome | undefined): void {
  dispatch.exceptions ??= new Map();
  dispatch.exceptions.set(index, outcome);
}

/** Returns the receipt of a dispatch, or rejects with its failures. */
function settle(dispatch: Dispatch): Promise<Receipt> {
  const { event, exceptions, list: { successes } } = dispatch;
  if (exceptions === undefined) return Promise.resolve(receiptOf(dispatch, successes));
  const handlers = outcomesWith(exceptions, successes);
  const receipt = receiptOf(dispatch, handlers);
  const failures = handlers.filter(({ ok }) => !ok);
  if (failures.length === 0) return Promise.resolve(receipt);
  return Promise.reject(new DispatchError(event.type, failures, receipt));
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

function receiptOf(
  { event, options }: Dispatch,
  handlers: readonly HandlerOutcome[],
): Receipt {
  return { id: event.id, deliveries: options?.deliveries ?? 0, duplicate: false, handlers };
}
