import type { Store } from "../store/mod.ts";
import type { Emitter } from "./emitter.ts";
import type { AgentEvents, EventOf, HookEvent } from "./events.ts";
import type { RetryPolicy } from "./retry_policy.ts";

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
   * neither of the first two, calls share one signal that lives as long as the hooks: remove the
   * listeners that you add to it.
   */
  readonly signal: AbortSignal;
  /** The logger of the hooks. */
  readonly logger: Logger;
  /** The slice of the store that belongs to this hook's name; absent without a store or a name. */
  readonly store?: Store;
  /** The number of this attempt, from 1. Greater than 1 only in a durable hook. */
  readonly attempt: number;
}

/**
 * What a handler may return: anything. A promise or another thenable is awaited, other values are ignored.
 * As wide as `unknown`, but lets TypeScript infer `new Promise((resolve) => resolve())`.
 */
export type HandlerResult = void | Promise<void> | NonNullable<unknown> | null | undefined;

/** A handler. It may return anything: a promise is awaited, other values are ignored. */
export type HandlerFunc<Event extends HookEvent = EventOf, Events extends object = AgentEvents> = (
  event: Event,
  context: HandlerContext<Events>,
) => HandlerResult;

/** Options of a handler. */
export interface HandlerOptions<Event extends HookEvent = EventOf> {
  /** The name in logs and errors. @default the function's name, else the pattern */
  readonly name?: string | undefined;
  /** Whether to unregister the handler before its first call. @default {false} */
  readonly once?: boolean | undefined;
  /** Higher runs first. Equal priorities run in the order of registration. @default {0} */
  readonly priority?: number | undefined;
  /**
   * The time limit of one call, in milliseconds. After it, `context.signal` aborts and the call has failed
   * with a `HookTimeoutError`; what it does later is ignored. @default no limit
   */
  readonly timeout?: number | undefined;
  /** Skips the events for which it returns false. */
  readonly filter?: ((event: Event) => boolean) | undefined;
}

/**
 * A hook: an object with a name, event patterns, state and a lifecycle.
 *
 * `Events` only types `context.emit`, so that a hook of `AgentEvents` fits `AgentEvents & Own`.
 */
export interface Hook<Event extends HookEvent = EventOf, Events extends object = AgentEvents> {
  /** Unique among hooks and webhooks: 1 to 64 characters of `[A-Za-z0-9._-]`. */
  readonly name: string;
  /** Patterns, checked when registered. Not typed, so that a class can say `events = ["tool.*"]`. */
  readonly events: readonly string[];
  /** Whether the outbox delivers events, at least once, and retries when it throws. @default {false} */
  readonly durable?: boolean | undefined;
  /** The time limit of one call, in milliseconds. @default no limit; {30000} for a durable hook */
  readonly timeout?: number | undefined;
  /** The maximum number of concurrent calls of a durable hook. @default {16} */
  readonly concurrency?: number | undefined;
  /**
   * When a failed call of a durable hook is retried.
   *
   * @default 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h, each ±20%
   */
  readonly retry?: RetryPolicy | undefined;
  /** Handles an event. A returned promise is awaited, other values are ignored. */
  handle(event: Event, context: HandlerContext<Events>): HandlerResult;
  /** Skips the events for which it returns false. */
  filter?(event: Event): boolean;
  /**
   * Opens the hook, before its first event. Awaiting an `emit` of the hooks in here throws a `DeadlockError`,
   * because events wait for `init`: use `emitInBackground`.
   *
   * The signal aborts when `close` begins, but not before the events that wait for hooks to open have ended.
   */
  init?(context: Pick<HandlerContext, "store" | "logger" | "signal">): HandlerResult;
  /** Closes the hook, after its last event. Called if the hook was opened, with `init` or without. */
  close?(): HandlerResult;
  /**
   * Receives the slice of the store that belongs to this hook, as soon as both are known and always
   * before `init`. The Go form of `context.store`.
   */
  setStorage?(store: Store): void;
}
