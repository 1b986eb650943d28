import { DeadlockError, EmitDepthError } from "./errors.ts";
import { MAX_CHAIN, MAX_NESTED, MAX_WAITING } from "./limits.ts";

/** The dispatches on the stack, of all registries, outermost first. Fixed in size: `depth` counts them. */
const owners: (object | undefined)[] = Array(MAX_NESTED).fill(undefined);
const types: string[] = Array(MAX_NESTED).fill("");
let depth = 0;

/** Enters a dispatch. Call `leaveDispatch` before returning control. @throws {EmitDepthError} */
export function enterDispatch(owner: object | undefined, type: string): void {
  if (depth >= MAX_NESTED) {
    throw new EmitDepthError([...types.slice(0, depth), type].filter((type) => type !== ""));
  }
  owners[depth] = owner;
  types[depth++] = type;
}

/** Leaves the dispatch that was entered last. What it awaits runs on another stack. */
export function leaveDispatch(): void {
  owners[--depth] = undefined;
}

/** Returns whether a dispatch of this owner is on the stack and waits for the caller. */
function isOnStack(owner: object): boolean {
  for (let index = depth - 1; index >= 0; index--) {
    if (owners[index] === owner) return true;
    if (owners[index] === undefined) return false; // nothing below it waits for the caller
  }
  return false;
}

/** The types of events that caused one another, the first event first. */
export type Chain = readonly string[];

/** Returns a chain with one more event. @throws {EmitDepthError} */
export function extendChain(chain: Chain, type: string): Chain {
  const longer = [...chain, type];
  if (longer.length > MAX_CHAIN) throw new EmitDepthError(longer);
  return longer;
}

/** The kind of a call: a background event, any other dispatch, a durable hook, or `init` or `close` of a hook. */
type CallKind = "background" | "dispatch" | "hook" | "init" | "close";

/** A call of user code that something waits for. */
type Call = {
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

/** `null` on platforms without it; undefined before the first call that needs it. */
let storage: AsyncStorage | null | undefined;

/** The calls on the stack. On platforms without `AsyncLocalStorage` they are known until the first `await`. */
const stack: (Call | undefined)[] = [];

/** Loads `AsyncLocalStorage` with the first call that needs it: on Deno naming `process` takes 20 ms. */
function asyncStorage(): AsyncStorage | null {
  if (storage !== undefined) return storage;
  const { process } = globalThis as { process?: NodeProcess };
  const hooks = process?.getBuiltinModule?.("node:async_hooks");
  storage = hooks ? new hooks.AsyncLocalStorage() : null;
  return storage;
}

function currentCall(): Call | undefined {
  return storage ? storage.getStore() : stack.at(-1);
}

/**
 * Calls user code that is waited for. Until it has ended, `isInside` recognizes what it calls.
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
  // No caller waits for a background event.
  const parent = kind === "background" ? undefined : firstActive(currentCall());
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
function firstActive(call: Call | undefined): Call | undefined {
  while (call !== undefined && !call.active) call = call.parent;
  return call;
}

/** Counts the waiting calls, and unlinks those that have ended: chains of events may have no end. */
function countActive(call: Call | undefined): number {
  let count = 0;
  for (; call !== undefined; call = call.parent) {
    count++;
    call.parent = firstActive(call.parent);
  }
  return count;
}

/** Calls something that is never awaited, such as `onError`, so that it may wait for anything. */
export function outside<T>(work: () => T): T {
  enterDispatch(undefined, "");
  try {
    return stack.length === 0 && !storage ? work() : enter(undefined, work);
  } finally {
    leaveDispatch();
  }
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

/** Returns whether the caller runs inside an unfinished call of one of these kinds. */
export function isInside(owner: object, ...kinds: readonly CallKind[]): boolean {
  if (kinds.includes("dispatch") && isOnStack(owner)) return true;
  for (let call = currentCall(); call !== undefined; call = call.parent) {
    if (call.active && call.owner === owner && kinds.includes(call.kind)) return true;
  }
  return false;
}

/** Why some calls can't be awaited, and what to do instead. */
const REASONS = {
  dispatch:
    "events wait for 'init' of a hook, which is running: use emitInBackground, or emit without await",
  drain:
    "'drain' waits for the background handler that called it: call it after the handler has ended",
  init: "'init' of a hook is running, and hooks open one after the other",
  close:
    "'close' waits for the handler or hook that called it: call it without await, and the hooks close " +
    "after that",
};

/** Returns a rejection for a caller that would wait for itself. It is never reported as unhandled. */
export function rejectDeadlock(subject: string, what: keyof typeof REASONS): Promise<never> {
  const rejection = Promise.reject(new DeadlockError(`${subject}: ${REASONS[what]}`));
  rejection.catch(() => {});
  return rejection;
}
