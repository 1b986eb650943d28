import { checkKnown } from "../internal/options.ts";
import { isObject, isPlainObject, quote } from "../internal/validate.ts";
import type { Webhook } from "./delivery.ts";
import type { AgentEvents, EventOf, EventPattern, HookEvent } from "./events.ts";
import type { Gate } from "./gates/gate.ts";
import type { HandlerContext, HandlerFunc, HandlerOptions, HandlerResult, Hook } from "./hook.ts";

/** What `use` accepts. The constructor of an agent can take a list of them. */
export type HooksOption<Events extends object = AgentEvents> =
  // No `kind`, so that TypeScript treats a literal without one as a hook.
  | (Hook<EventOf<Events>, Events> & { readonly kind?: undefined })
  | (Webhook & { readonly kind?: undefined })
  | {
    /** A handler, as `withHook` returns it. */
    readonly kind: "handler";
    /** The patterns that it subscribes to. */
    readonly events: readonly string[];
    /** The name in logs and errors. */
    readonly name?: string | undefined;
    /** Options. Their filter was checked against the patterns where the option was created. */
    readonly options?: HandlerOptions<never> | undefined;
    // A method, not a property: methods are bivariant, so a list for few events fits where more are known.
    /** Handles an event. */
    handle(event: EventOf<Events>, context: HandlerContext<Events>): HandlerResult;
  }
  | {
    /** A hook, as `withCompiledHook` returns it. */
    readonly kind: "hook";
    /** The hook. */
    readonly hook: Hook<EventOf<Events>, Events>;
  }
  | {
    /** A webhook, as `withWebhookHook` returns it. */
    readonly kind: "webhook";
    /** The webhook. */
    readonly webhook: Webhook;
  }
  | {
    /** A gate, as `withGate` returns it. */
    readonly kind: "gate";
    /** The patterns of the events that it decides about. */
    readonly events: readonly string[];
    /** The gate. Its event was checked against the patterns where the option was created. */
    readonly gate: Gate<never>;
  }
  | StandaloneGate<Events>;

/** A gate with its patterns, such as a `WebhookGate`. Its `kind` distinguishes it from a hook. */
export type StandaloneGate<Events extends object = AgentEvents> = Gate<EventOf<Events>> & {
  /** The patterns of the events that it decides about. */
  readonly events: readonly string[];
  /** Whether it judges or rewrites. */
  readonly kind: "check" | "rewrite";
};

/** Returns a handler as an option of `use`. */
export function withHook<
  Events extends object = AgentEvents,
  const Pattern extends EventPattern<Events> = EventPattern<Events>,
>(
  pattern: Pattern | readonly Pattern[],
  handler: HandlerFunc<EventOf<Events, Pattern>, Events>,
  options?: HandlerOptions<EventOf<Events, Pattern>>,
): Extract<HooksOption<Events>, { readonly kind: "handler" }> {
  return {
    kind: "handler",
    events: typeof pattern === "string" ? [pattern] : pattern as readonly string[],
    // The handler's own pattern determines which events arrive.
    handle: handler as never,
    ...(options && { options: options as unknown as HandlerOptions<never> }),
  };
}

/** Returns a handler with a name as an option of `use`. */
export function withNamedHook<
  Events extends object = AgentEvents,
  const Pattern extends EventPattern<Events> = EventPattern<Events>,
>(
  pattern: Pattern | readonly Pattern[],
  name: string,
  handler: HandlerFunc<EventOf<Events, Pattern>, Events>,
  options?: HandlerOptions<EventOf<Events, Pattern>>,
): Extract<HooksOption<Events>, { readonly kind: "handler" }> {
  return { ...withHook<Events, Pattern>(pattern, handler, options), name };
}

/** Returns a hook as an option of `use`. */
export function withCompiledHook<Event extends HookEvent, Events extends object = AgentEvents>(
  hook: Hook<Event, Events>,
): { readonly kind: "hook"; readonly hook: Hook<Event, Events> } {
  return { kind: "hook", hook };
}

/** Returns a webhook as an option of `use`. */
export function withWebhookHook(
  webhook: Webhook,
): { readonly kind: "webhook"; readonly webhook: Webhook } {
  return { kind: "webhook", webhook };
}

/**
 * Returns a gate as an option of `use`, and of the constructor of an agent.
 *
 * ```ts
 * import { createHooks } from "@omniagent/hooks";
 * import { deny, withGate } from "@omniagent/hooks/gates";
 *
 * const noShell = withGate("tool.called", {
 *   name: "no-shell",
 *   handle: ({ data }) => data.name === "bash" ? deny("There is no shell") : undefined,
 * });
 * const hooks = createHooks({ use: [noShell] });
 * console.log((await hooks.decide("tool.called", { name: "bash" })).decision); // deny
 * await hooks.close();
 * ```
 */
export function withGate<
  Events extends object = AgentEvents,
  const Pattern extends EventPattern<Events> = EventPattern<Events>,
>(
  pattern: Pattern | readonly Pattern[],
  gate: Gate<EventOf<Events, Pattern>>,
): Extract<HooksOption<Events>, { readonly kind: "gate" }> {
  return {
    kind: "gate",
    events: typeof pattern === "string" ? [pattern] : pattern as readonly string[],
    gate: gate as unknown as Gate<never>,
  };
}

/**
 * Defines a hook. The type of its events is inferred from `events`.
 *
 * For your own events, define it where it is used, `hooks.use(defineHook({ … }))`, or pass the type:
 * `defineHook<Events>({ … })`. TypeScript infers either all type arguments or none, so that with one the
 * event is the union of all events. Call `defineHook<Events>()({ … })` to narrow it to the patterns.
 *
 * ```ts
 * import { createHooks, defineHook } from "@omniagent/hooks";
 *
 * let calls = 0;
 * const meter = defineHook({
 *   name: "meter",
 *   events: ["tool.*"],
 *   handle: (event) => {
 *     if (event.type === "tool.called") calls++;
 *   },
 *   close: () => console.log(`${calls} tools called`),
 * });
 * createHooks({ use: [meter] });
 * ```
 *
 * @throws {TypeError} when the definition has an unknown member
 */
export function defineHook<
  Events extends object = AgentEvents,
  const Pattern extends EventPattern<Events> = EventPattern<Events>,
>(
  definition: Hook<EventOf<Events, Pattern>, Events> & { readonly events: readonly Pattern[] },
): Hook<EventOf<Events, Pattern>, Events>;
/** Returns a function that defines a hook for your own events, narrowed to its patterns. */
export function defineHook<Events extends object>(): <const Pattern extends EventPattern<Events>>(
  definition: Hook<EventOf<Events, Pattern>, Events> & { readonly events: readonly Pattern[] },
) => Hook<EventOf<Events, Pattern>, Events>;
export function defineHook(definition?: unknown): unknown {
  return definition === undefined ? checkDefinition : checkDefinition(definition);
}

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

/** Returns the definition. Instances of classes may have other members; in a literal they are mistakes. */
function checkDefinition(definition: unknown): unknown {
  if (isObject(definition) && isPlainObject(definition)) {
    checkKnown(`Cannot define hook ${quote(definition.name)}`, definition, HOOK_MEMBERS);
  }
  return definition;
}

const sources = /* @__PURE__ */ new WeakSet<object>();

/** Marks a hook whose `init` registers targets: decisions wait for it, too. Returns the hook. */
export function targetSource<Source extends object>(hook: Source): Source {
  sources.add(hook);
  return hook;
}

/** Returns whether a hook is marked as one whose `init` registers targets. */
export function isTargetSource(hook: object): boolean {
  return sources.has(hook);
}
