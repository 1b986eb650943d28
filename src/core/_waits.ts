import { enterDispatch, isOnStack, leaveDispatch } from "./_nesting.ts";
import { DeadlockError, EmitDepthError } from "./errors.ts";

/** What is called: an event of the async form, any other dispatch, a durable hook, or a part of a hook's life. */
export type CallKind = "background" | "dispatch" | "hook" | "init" | "close";

/** A call of what users gave, which something else waits for. */
export type Call = {
  readonly owner: object;
  readonly kind: CallKind;
  /** The call that waits for this one. */
  parent: Call | undefined;
  /** Whether it has not ended. */
  active: boolean;
};

/** `AsyncLocalStorage`, which follows a call through its `await`s. */
type AsyncStorage = {
  getStore(): Call | undefined;
  run<T>(store: Call | undefined, call: () => T): T;
};
type NodeProcess = {
  getBuiltinModule?(id: "node:async_hooks"): { AsyncLocalStorage: new () => AsyncStorage };
};

/** Calls that wait for one another, at most: as many as may be nested on the stack. */
const MAX_WAITING = 64;

/** `null`: this platform has none. */
let storage: AsyncStorage | null | undefined;

/** What is on the stack, for platforms without `AsyncLocalStorage`: enough until the first `await`. */
const stack: (Call | undefined)[] = [];

/** Loads it with the first call that needs it: on Deno naming `process` takes 20 ms. */
function asyncStorage(): AsyncStorage | null {
  if (storage !== undefined) return storage;
  const { process } = globalThis as { process?: NodeProcess };
  const hooks = process?.getBuiltinModule?.("node:async_hooks");
  return storage = hooks ? new hooks.AsyncLocalStorage() : null;
}

function current(): Call | undefined {
  return storage ? storage.getStore() : stack.at(-1);
}

/**
 * Calls what users gave, so that `isInside` recognizes what it does until it has ended.
 *
 * @param type The event's type, if it is a dispatch
 * @throws {EmitDepthError} when too many calls wait for one another
 */
export async function inside<T>(
  owner: object,
  kind: CallKind,
  work: () => T,
  type = "",
): Promise<Awaited<T>> {
  // An event in the background has no caller that waits for it.
  const parent = kind === "background" ? undefined : activeFrom(current());
  const depth = 1 + countActive(parent);
  if (depth > MAX_WAITING) throw new EmitDepthError(Array(depth).fill(type));
  const call: Call = { owner, kind, parent, active: true };
  try {
    return await enter(call, work);
  } finally {
    call.active = false;
  }
}

/** Returns the first call that has not ended, from a call outward. */
function activeFrom(call: Call | undefined): Call | undefined {
  while (call !== undefined && !call.active) call = call.parent;
  return call;
}

/** Counts the calls that wait, and lets go of those that have ended: events may cause one another without end. */
function countActive(call: Call | undefined): number {
  let count = 0;
  for (; call !== undefined; call = call.parent) {
    count++;
    call.parent = activeFrom(call.parent);
  }
  return count;
}

/** Calls something that is never awaited, such as `onError`, so it may wait for anything. */
export function outside<T>(work: () => T): T {
  enterDispatch(undefined, "");
  try {
    return stack.length === 0 && !storage ? work() : enter(undefined, work);
  } finally {
    leaveDispatch();
  }
}

/** Why some calls can't be waited for. */
const REASONS = {
  dispatch:
    "in 'init' of a hook, as events wait for 'init' to end: use emitAsync, or emit it without " +
    "await",
  drain:
    "'drain' in a handler that runs in the background, as 'drain' waits for that handler: call it " +
    "after the handler has ended",
  init: "in 'init' of one of them: hooks are opened one after the other",
  close:
    "'close' in a handler or a hook, as 'close' waits for it to end: call it without await, and the " +
    "hooks close after that",
};

/**
 * Returns a rejection for a caller that would wait for itself. If not awaited, it isn't reported as
 * unhandled.
 */
export function refuseToWait(subject: string, what: keyof typeof REASONS): Promise<never> {
  const refusal = Promise.reject(new DeadlockError(`${subject} ${REASONS[what]}`));
  refusal.catch(() => {});
  return refusal;
}

function enter<T>(call: Call | undefined, work: () => T): T {
  const storage = asyncStorage();
  if (storage) return storage.run(call, work);
  stack.push(call);
  try {
    return work();
  } finally {
    stack.pop();
  }
}

/** Whether the caller runs inside an unfinished call of one of these kinds. */
export function isInside(owner: object, ...kinds: readonly CallKind[]): boolean {
  if (kinds.includes("dispatch") && isOnStack(owner)) return true;
  for (let call = current(); call !== undefined; call = call.parent) {
    if (call.active && call.owner === owner && kinds.includes(call.kind)) return true;
  }
  return false;
}
