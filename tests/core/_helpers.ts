import {
  createHooks,
  type HookEvent,
  type Hooks,
  type HooksOptions,
  type Receipt,
  type Registration,
} from "@omniagent/hooks";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

/** Any type, any payload: these tests are about behavior, the type tests about types. */
export type AnyEvents = Record<string, unknown>;

/** Hooks that log nothing, of any events unless said otherwise; `errors` is what `onError` received. */
export function quietHooks<Events extends object = AnyEvents>(
  options: HooksOptions<Events> = {},
): Hooks<Events> & { readonly errors: unknown[] } {
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  return { ...createHooks<Events>({ logger: silentLogger, onError, ...options }), errors };
}

/** Emits an event of type `a`. */
type Way = (hooks: Hooks<AnyEvents>, data?: unknown) => Promise<Receipt>;

/**
 * The two ways of an event once hooks are open: the short one, on which nothing is made for a handler that returns nothing,
 * and that of an event with options. What holds on one must hold on the other.
 */
export const ways: Readonly<Record<string, Way>> = {
  plain: async (hooks, data = null) => {
    await hooks.init();
    return await hooks.emit("a", data);
  },
  "with a signal": async (hooks, data = null) => {
    await hooks.init();
    return await hooks.emit("a", data, { signal: new AbortController().signal });
  },
};

/** A test of what must hold whether or not a caller gives options. */
export function testBothWays(name: string, body: (emit: Way) => Promise<void>): void {
  for (const [way, emit] of Object.entries(ways)) test(`${name} (${way})`, () => body(emit));
}

/** Hooks, and a list of who was called. */
export function recorded() {
  const calls: string[] = [];
  const hooks = quietHooks();
  const on = (name: string, priority = 0): Registration =>
    hooks.on("a", () => void calls.push(name), { name, priority });
  return { calls, hooks, on };
}

/** An event as it could have come from elsewhere. */
export function eventOf(fields: Partial<Record<keyof HookEvent, unknown>> = {}): HookEvent {
  const timestamp = new Date("2026-04-22T10:30:00.125Z");
  return { id: "e-1", type: "tool.called", timestamp, data: {}, ...fields } as HookEvent;
}

/** The paths of faults, as text: `data.items.0`. */
export function pathsOf(error: {
  readonly issues: readonly { readonly path?: readonly unknown[] | undefined }[];
}): string[] {
  return error.issues.map(({ path = [] }) => path.map(String).join("."));
}

/** A list `depth` levels deep. */
export function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = [value];
  return value;
}

/** Lets everything run that waits for nothing but microtasks. */
export async function settleMicrotasks(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await null;
}

/** What rejected without a handler while an action ran. */
export async function unhandledDuring(action: () => Promise<unknown>): Promise<unknown[]> {
  const found: unknown[] = [];
  const stop = "Deno" in globalThis ? listenOnWindow(found) : listenOnProcess(found);
  try {
    await action();
    // Runtimes look for unhandled rejections when the microtasks of a turn are done.
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setTimeout(resolve));
  } finally {
    stop();
  }
  return found;
}

function listenOnWindow(found: unknown[]): () => void {
  const listener = (event: Event): void => {
    event.preventDefault();
    found.push((event as PromiseRejectionEvent).reason);
  };
  globalThis.addEventListener("unhandledrejection", listener);
  return () => globalThis.removeEventListener("unhandledrejection", listener);
}

function listenOnProcess(found: unknown[]): () => void {
  type Emitter = Record<"on" | "off", (name: string, listener: (reason: unknown) => void) => void>;
  const { process } = globalThis as unknown as { readonly process: Emitter };
  const listener = (reason: unknown): void => void found.push(reason);
  process.on("unhandledRejection", listener);
  return () => process.off("unhandledRejection", listener);
}
