import type { Emitter } from "./emitter.ts";
import type { AgentEvents, HookEvent } from "./events.ts";
import type { EventOf } from "./patterns.ts";
import type { RetryPolicy } from "./retry.ts";
import type { Store } from "../store/mod.ts";

/** Where messages go. The console is a logger. */
export type Logger = Readonly<
  Record<"debug" | "info" | "warn" | "error", (...data: unknown[]) => void>
>;

/**
 * The second argument of a handler. Its `emit` continues the chain of the event being handled, so that
 * events that cause each other end with an `EmitDepthError`. `hooks.emit` starts a new chain, whose
 * events are counted only until the first `await`.
 */
export interface HandlerContext<Events extends object = AgentEvents> extends Emitter<Events> {
  /**
   * Aborts with the caller's signal, with the handler's timeout, or when `close` runs out of time. With
   * neither of the first two, calls share one that lives as long as the hooks: take off the listeners that
   * you put on it.
   */
  readonly signal: AbortSignal;
  /** The logger of the registry. */
  readonly logger: Logger;
  /** The part of the store that belongs to this hook's name; absent without a store or a name. */
  readonly store?: Store;
  /** Which attempt it is: from 1, and more only in a durable hook. */
  readonly attempt: number;
}

/**
 * What a handler may return: anything. A promise (or another thenable) is awaited, other values are ignored.
 * It is as wide as `unknown`, but lets TypeScript infer `new Promise((resolve) => resolve())`.
 */
export type HandlerResult = void | Promise<void> | NonNullable<unknown> | null | undefined;

/** A handler. It may return anything: a promise is awaited, other values are ignored. */
export type HandlerFunc<Event extends HookEvent = EventOf, Events extends object = AgentEvents> = (
  event: Event,
  context: HandlerContext<Events>,
) => HandlerResult;

/** A handler of the events that a pattern, or several, match. */
export type PatternHandler<Events extends object, Pattern extends string> = HandlerFunc<
  EventOf<Events, Pattern>,
  Events
>;

/** Options of a handler. */
export interface HandlerOptions<Event extends HookEvent = EventOf> {
  /** For logs and failures. @default the function's name, else the pattern */
  readonly name?: string | undefined;
  /** Unregister before the first call. @default {false} */
  readonly once?: boolean | undefined;
  /** Higher runs first; equals run in the order of registration. @default {0} */
  readonly priority?: number | undefined;
  /**
   * Limit of one call, in milliseconds. Past it `context.signal` aborts and the call counts as failed
   * with a `HookTimeoutError`; what it does later is ignored. @default none
   */
  readonly timeout?: number | undefined;
  /** Skips the events for which it returns false. */
  readonly filter?: ((event: Event) => boolean) | undefined;
}

/** What `init` is given. */
export type InitContext = {
  /** The part of the store that belongs to this hook. */
  readonly store?: Store;
  /** The logger of the registry. */
  readonly logger: Logger;
  /** Aborts when `close` begins; but not before the events have ended that wait for hooks to open. */
  readonly signal: AbortSignal;
};

/**
 * A compiled hook: an object with a name, events, state and a lifecycle.
 *
 * `Events` types `context.emit` alone, so a hook of `AgentEvents` fits `AgentEvents & Own`.
 */
export interface Hook<Event extends HookEvent = EventOf, Events extends object = AgentEvents> {
  /** Unique among hooks and webhooks: 1 to 64 characters of `[A-Za-z0-9._-]`. */
  readonly name: string;
  /** Patterns, checked when registered. Not typed, so that a class can say `events = ["tool.*"]`. */
  readonly events: readonly string[];
  /** Delivered by the outbox, at least once, and retried when it throws. @default {false} */
  readonly durable?: boolean;
  /** Limit of one call, in milliseconds. @default none; {30000} for a durable hook */
  readonly timeout?: number;
  /** Calls at once, at most; of a durable hook. @default {16} */
  readonly concurrency?: number;
  /** When a call that failed is tried again; of a durable hook. @default `DEFAULT_RETRY` */
  readonly retry?: RetryPolicy;
  /** Handles one event. A promise that it returns is awaited, other values are ignored. */
  handle(event: Event, context: HandlerContext<Events>): HandlerResult;
  /** Skips the events for which it returns false. */
  filter?(event: Event): boolean;
  /**
   * Opens the hook, before its first event. Emit with `emitAsync` here: events wait for `init`, so an
   * awaited `emit` is a `DeadlockError`.
   */
  init?(context: InitContext): HandlerResult;
  /** Closes the hook, after its last event; called when it was opened, with `init` or without one. */
  close?(): HandlerResult;
}

/**
 * The Go form of storage injection. A hook or webhook with this method is given its store as soon as
 * both are known, and always before `init`.
 */
export type StorageAware = {
  /** Takes the part of the store that belongs to this hook. */
  setStorage(store: Store): void;
};

/** The members of a hook. */
export const HOOK_MEMBERS: readonly string[] = [
  "name",
  "events",
  "durable",
  "timeout",
  "concurrency",
  "retry",
  "handle",
  "filter",
  "init",
  "close",
  "setStorage",
];
