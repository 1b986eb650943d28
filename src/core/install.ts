import { quote } from "../internal/validate.ts";
import { checkKnown } from "../internal/options.ts";
import { isPlainObject } from "../internal/validate.ts";
import { HOOK_MEMBERS } from "./hook.ts";
import type { Webhook } from "./delivery.ts";
import type { AgentEvents, HookEvent } from "./events.ts";
import type {
  HandlerContext,
  HandlerOptions,
  HandlerResult,
  Hook,
  PatternHandler,
} from "./hook.ts";
import type { EventOf, EventPattern } from "./patterns.ts";

/** A handler as plain data. */
export type HandlerOption<Events extends object = AgentEvents> = {
  /** What it is. */
  readonly kind: "handler";
  /** The patterns that it hears. */
  readonly events: readonly string[];
  /** For logs and failures. */
  readonly name?: string;
  /** How it is called; its filter was checked against the patterns where the option was made. */
  readonly options?: HandlerOptions<never>;
  // A method and not a property: methods compare bivariantly, so that a list made for few events fits
  // where more are known.
  /** Hears one event. */
  handle(event: EventOf<Events>, context: HandlerContext<Events>): HandlerResult;
};

/** A compiled hook as plain data. */
export type HookOption<Event extends HookEvent = EventOf, Events extends object = AgentEvents> = {
  /** What it is. */
  readonly kind: "hook";
  /** The hook. */
  readonly hook: Hook<Event, Events>;
};

/** A webhook as plain data. */
export type WebhookOption = {
  /** What it is. */
  readonly kind: "webhook";
  /** The webhook. */
  readonly webhook: Webhook;
};

/** What `use` takes. An agent's constructor can take a list of them. */
export type HooksOption<Events extends object = AgentEvents> =
  | Hook<EventOf<Events>, Events>
  | Webhook
  | HandlerOption<Events>
  | HookOption<EventOf<Events>, Events>
  | WebhookOption;

/** A handler, as an option of `use` or of an agent. */
export function withHook<
  Events extends object = AgentEvents,
  const Pattern extends EventPattern<Events> = EventPattern<Events>,
>(
  pattern: Pattern | readonly Pattern[],
  handler: PatternHandler<Events, Pattern>,
  options?: HandlerOptions<EventOf<Events, Pattern>>,
): HandlerOption<Events> {
  return handlerOption(pattern, handler, options);
}

/** A handler with a name, as an option of `use` or of an agent. */
export function withNamedHook<
  Events extends object = AgentEvents,
  const Pattern extends EventPattern<Events> = EventPattern<Events>,
>(
  pattern: Pattern | readonly Pattern[],
  name: string,
  handler: PatternHandler<Events, Pattern>,
  options?: HandlerOptions<EventOf<Events, Pattern>>,
): HandlerOption<Events> {
  return { ...handlerOption<Events, Pattern>(pattern, handler, options), name };
}

/** A compiled hook, as an option of `use` or of an agent. */
export function withCompiledHook<Event extends HookEvent, Events extends object = AgentEvents>(
  hook: Hook<Event, Events>,
): HookOption<Event, Events> {
  return { kind: "hook", hook };
}

/** A webhook, as an option of `use` or of an agent. */
export function withWebhookHook(webhook: Webhook): WebhookOption {
  return { kind: "webhook", webhook };
}

function handlerOption<Events extends object, Pattern extends string>(
  pattern: string | readonly string[],
  handler: PatternHandler<Events, Pattern>,
  options: HandlerOptions<EventOf<Events, Pattern>> | undefined,
): HandlerOption<Events> {
  return {
    kind: "handler",
    events: typeof pattern === "string" ? [pattern] : pattern,
    // The pattern decides which events arrive, and it is the handler's own.
    handle: handler as unknown as HandlerOption<Events>["handle"],
    ...(options ? { options: options as unknown as HandlerOptions<never> } : {}),
  };
}

/** What `defineHook` takes: a hook whose patterns are typed. */
export interface HookDefinition<Events extends object, Pattern extends string>
  extends Omit<Hook, "events" | "handle" | "filter"> {
  /** The patterns that it hears. */
  readonly events: readonly Pattern[];
  /** Hears one event. */
  handle(event: EventOf<Events, Pattern>, context: HandlerContext<Events>): HandlerResult;
  /** Skips the events for which it returns false. */
  filter?(event: EventOf<Events, Pattern>): boolean;
}

/**
 * A compiled hook whose event is inferred from its `events`. Own events come from where it is used,
 * `hooks.use(defineHook({ … }))`, or from a type argument: `defineHook<Events>()({ … })`.
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
 */
export function defineHook<
  Events extends object = AgentEvents,
  const Pattern extends EventPattern<Events> = EventPattern<Events>,
>(definition: HookDefinition<Events, Pattern>): Hook<EventOf<Events, Pattern>, Events>;
/** The same for own events, wherever it stands. */
export function defineHook<Events extends object>(): <const Pattern extends EventPattern<Events>>(
  definition: HookDefinition<Events, Pattern>,
) => Hook<EventOf<Events, Pattern>, Events>;
export function defineHook(definition?: unknown): unknown {
  return definition === undefined ? checkedDefinition : checkedDefinition(definition);
}

/** The definition. One of a class may have members of its own; a plain one that nobody reads is a mistake. */
function checkedDefinition(definition: unknown): unknown {
  const plain = typeof definition === "object" && definition !== null && isPlainObject(definition);
  if (plain) {
    const { name } = definition as { readonly name?: unknown };
    checkKnown(`Cannot define hook ${quote(name)}`, definition, HOOK_MEMBERS);
  }
  return definition;
}
