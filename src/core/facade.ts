import type { DeliveryQueue } from "./delivery.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { EmitOptions, Emitter, Receipt, TransactionReceipt } from "./emitter.ts";
import type { AgentEvents, EventOf, EventPattern, EventType } from "./events.ts";
import type { HooksOption } from "./define_hook.ts";
import type { Asks } from "./gates/asks.ts";
import type {
  CallOptions,
  DecideOptions,
  Decision,
  DeniedCall,
  ToolContext,
} from "./gates/decision.ts";
import type { Gate } from "./gates/gate.ts";
import type { HandlerFunc, HandlerOptions } from "./hook.ts";
import type { ChildOptions } from "./options.ts";
import type { Registration } from "./registration.ts";
import type { HookRegistry } from "./registry.ts";

/** What `createHooks` returns: registry and dispatcher in one. Its methods need no `this`. */
export interface Hooks<
  Events extends object = AgentEvents,
  Outbox extends DeliveryQueue | undefined = DeliveryQueue | undefined,
> extends Emitter<Events> {
  /** Registers handlers, hooks and webhooks, and dispatches existing events. */
  readonly registry: HookRegistry<Events>;
  /** Emits events, with the method names of the Go package. */
  readonly dispatcher: Dispatcher<Events>;
  /** The `outbox` that was passed to `createHooks`. */
  readonly outbox: Outbox;
  /**
   * Emits an event inside a transaction that you have open in the outbox's database: the event and its
   * deliveries are committed with it, or never. Handlers run when you call `committed()` of the receipt.
   *
   * Needs an outbox on a `PostgresStore`. `tx` is a client of `pg` after `BEGIN`, or a transaction of
   * `postgres`, `Bun.sql`, PGlite, Drizzle or Kysely.
   *
   * ```ts ignore
   * const receipt = await sql.begin(async (tx) => {
   *   await tx`insert into orders (id) values (${id})`;
   *   return await hooks.emit("order.created", { id }, { tx });
   * });
   * await receipt.committed();
   * ```
   *
   * @throws {TypeError} when there is no such outbox, or `tx` isn't a transaction
   * @throws what the driver throws, such as a serialization failure: roll back, and start again
   */
  emit<Type extends EventType<Events>>(
    type: Type,
    data: Events[Type],
    options: EmitOptions & { readonly tx: object },
  ): Promise<TransactionReceipt>;
  /** Emits an event and waits for its handlers. See `Emitter.emit`. */
  emit<Type extends EventType<Events>>(
    type: Type,
    data: Events[Type],
    options?: EmitOptions,
  ): Promise<Receipt>;
  /**
   * Registers a handler for one pattern or several. Call what it returns to unregister the handler.
   *
   * @throws {TypeError | RangeError} when an argument is invalid
   * @throws {HooksClosedError} after `close`
   */
  on<const Pattern extends EventPattern<Events>>(
    pattern: Pattern | readonly Pattern[],
    handler: HandlerFunc<EventOf<Events, Pattern>, Events>,
    options?: HandlerOptions<EventOf<Events, Pattern>>,
  ): Registration;
  /**
   * Registers a handler for one event: it is unregistered before its first call.
   *
   * @throws {TypeError | RangeError} when an argument is invalid
   * @throws {HooksClosedError} after `close`
   */
  once<const Pattern extends EventPattern<Events>>(
    pattern: Pattern | readonly Pattern[],
    handler: HandlerFunc<EventOf<Events, Pattern>, Events>,
    options?: Omit<HandlerOptions<EventOf<Events, Pattern>>, "once">,
  ): Registration;
  /**
   * Registers hooks, webhooks, and the results of `withHook` and its siblings: all of them, or none.
   *
   * @returns One registration per argument, in the same order
   * @throws {TypeError | RangeError} when one is invalid
   */
  use(...options: readonly HooksOption<Events>[]): readonly Registration[];
  /**
   * Registers a gate: it decides before an event of its patterns happens. A gate that fails denies, unless
   * its `onFailure` says otherwise.
   *
   * @throws {TypeError | RangeError} when the gate is invalid, or its name is taken
   * @throws {HooksClosedError} after `close`
   */
  gate<const Pattern extends EventPattern<Events>>(
    pattern: Pattern | readonly Pattern[],
    gate: Gate<EventOf<Events, Pattern>>,
  ): Registration;
  /**
   * Lets the gates decide about an event, and emits it if they allow it. Rewrites run in order, then all
   * checks at once; deny outranks ask, which outranks allow. Only `decision.decision === "allow"` lets the
   * event happen, with `decision.data`.
   *
   * A decision is recorded as `gate.decided`, in one commit with the event, before this resolves. If it can't
   * be recorded in time, the event is denied, with `failure: "store"`. Without gates for the type, it only emits.
   *
   * @throws {EventValidationError} when the payload is invalid
   * @throws the reason of the signal, if it has aborted before or there are no gates
   * @throws {HooksClosedError} after `close`
   */
  decide<Type extends EventType<Events>>(
    type: Type,
    data: Events[Type],
    options?: DecideOptions,
  ): Promise<Decision<Events[Type]>>;
  /**
   * Runs a tool if the gates of `tool.called` allow it, with the parameters that they judged. Emits
   * `tool.called` and `tool.completed`, or `tool.denied`. Gates of `tool.completed` judge the result.
   *
   * A denied call resolves to `{ denied: true, reason }`. A handler that fails changes nothing.
   *
   * ```ts
   * import { createHooks } from "@omniagent/hooks";
   * import { deny } from "@omniagent/hooks/gates";
   *
   * const hooks = createHooks();
   * hooks.gate("tool.called", {
   *   name: "no-rm",
   *   handle: ({ data }) => String(data.params?.command).startsWith("rm ") ? deny("No deletions") : undefined,
   * });
   * const run = (params: { command: string }) => `ran ${params.command}`;
   * console.log(await hooks.call("bash", { command: "ls" }, run)); // ran ls
   * const result = await hooks.call("bash", { command: "rm -rf /" }, run);
   * console.log(typeof result === "string" ? result : result.reason); // No deletions
   * await hooks.close();
   * ```
   *
   * @throws what the tool threw, after `tool.completed` was emitted with its error
   * @throws {GateDeniedError} when the call is denied, with `throwOnDeny`
   */
  call<Params extends object, Result>(
    name: string,
    params: Params,
    run: (params: Params, context: ToolContext) => Result | PromiseLike<Result>,
    options: CallOptions & { readonly throwOnDeny: true },
  ): Promise<Result>;
  /** Runs a tool if the gates allow it. A denied call resolves to `{ denied: true, reason }`. */
  call<Params extends object, Result>(
    name: string,
    params: Params,
    run: (params: Params, context: ToolContext) => Result | PromiseLike<Result>,
    options?: CallOptions,
  ): Promise<Result | DeniedCall>;
  /**
   * Returns these hooks for one agent, such as a subagent. Both have the same handlers, webhooks and gates,
   * including those that are registered later. It adds `agent_id` and `parent_agent_id` to the payloads of
   * agent events that it emits (`message.*`, `tool.*`, `model.*`, `session.*`, `job.*` and `agent.*`), and its
   * run and session to all events.
   *
   * ```ts
   * import { createHooks } from "@omniagent/hooks";
   *
   * const hooks = createHooks();
   * hooks.on("tool.called", ({ data, runId }) => console.log(data.name, data.agent_id, runId));
   * const researcher = hooks.child({ agentId: "researcher", runId: "run-1" });
   * await researcher.call("search", { query: "hooks" }, () => "found"); // search researcher run-1
   * await hooks.close();
   * ```
   *
   * `init`, `drain` and `close` act on all hooks: close the parent, not the child. Events that handlers emit
   * through their context don't get the agent's ids.
   *
   * @throws {TypeError} when an option is invalid
   */
  child(options: ChildOptions): Hooks<Events, Outbox>;
  /**
   * Lists, gets and resolves asks, in any process. An ask is stored in the outbox, in one commit with
   * `gate.asked`, which webhooks deliver to people.
   */
  readonly asks: Asks;
  /** Opens every hook that is not open. Implied by the first event. See `HookRegistry.init`. */
  init(): Promise<void>;
  /** Waits for background events. See `HookRegistry.drain`. */
  drain(): Promise<void>;
  /** Rejects new events, waits for running ones, and closes hooks. See `HookRegistry.close`. */
  close(): Promise<void>;
}
