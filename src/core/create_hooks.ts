import { checkFunctions, checkObject, inspect } from "../internal/validate.ts";
import { checkKnown, checkMembers } from "../internal/options.ts";
import type { DeliveryQueue, Webhook } from "./delivery.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { Emitter } from "./emitter.ts";
import type { AgentEvents } from "./events.ts";
import type { HandlerFunc, HandlerOptions, Hook, PatternHandler } from "./hook.ts";
import type { HooksOption } from "./install.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { EventOf, EventPattern } from "./patterns.ts";
import type { Registration } from "./registration.ts";
import { engineOf, HookRegistry } from "./registry.ts";
import type { RegistryOptions } from "./registry_options.ts";

/** Options of `createHooks`. */
export type HooksOptions<Events extends object = AgentEvents> = RegistryOptions<Events> & {
  /** What to register at once. */
  readonly use?: readonly HooksOption<Events>[] | undefined;
};

/**
 * What takes hooks. A function that installs hooks in someone's `Hooks` takes this: `Hooks` of more
 * events is no `Hooks<AgentEvents>`.
 */
export type HookInstaller<Events extends object = AgentEvents> = {
  /**
   * Registers hooks, webhooks and what `withHook` and its siblings gave: all of them, or none.
   *
   * @returns One registration for each argument, in the same order: `unregister()` removes that one
   * @throws {TypeError | RangeError} when one is ill-formed
   */
  use(...options: readonly HooksOption<Events>[]): readonly Registration[];
};

/** Registry and dispatcher in one. Its methods need no `this`. */
export interface Hooks<Events extends object = AgentEvents>
  extends Emitter<Events>, HookInstaller<Events>, Lifecycle {
  /** Who hears which event. */
  readonly registry: HookRegistry<Events>;
  /** What makes events, with the Go package's names. */
  readonly dispatcher: Dispatcher<Events>;
  /** The queue that was given as `outbox`. */
  readonly outbox: DeliveryQueue | undefined;
  /**
   * Registers a handler for what a pattern, or several, match.
   *
   * @throws {TypeError | RangeError} when an argument is ill-formed
   */
  on<const Pattern extends EventPattern<Events>>(
    pattern: Pattern | readonly Pattern[],
    handler: PatternHandler<Events, Pattern>,
    options?: HandlerOptions<EventOf<Events, Pattern>>,
  ): Registration;
}

/**
 * Registry and dispatcher in one: the way in.
 *
 * ```ts
 * import { createHooks } from "@omniagent/hooks";
 *
 * const hooks = createHooks();
 * hooks.on("tool.called", (event) => console.log(event.data.name));
 * await hooks.emit("tool.called", { name: "bash", params: { command: "ls" } });
 * await hooks.close();
 * ```
 *
 * @throws {TypeError | RangeError} when an option is ill-formed
 */
export function createHooks<Events extends object = AgentEvents>(
  options: HooksOptions<Events> = {},
): Hooks<Events> {
  const first = checkList(options); // before an outbox knows of the registry
  const { use: _, ...others } = options;
  const registry = new HookRegistry<Events>(others as RegistryOptions<Events>);
  const dispatcher = new Dispatcher<Events>(registry);
  const use = (...list: readonly HooksOption<Events>[]): readonly Registration[] =>
    registerAll(registry as unknown as HookRegistry, list as readonly HooksOption[]);
  try {
    use(...first);
  } catch (error) {
    // Nobody can close what was not made: the outbox is free for another try.
    engineOf(registry as unknown as HookRegistry).lifecycle.connection?.unregister();
    throw error;
  }
  return {
    registry,
    dispatcher,
    outbox: options.outbox,
    use,
    on: (pattern, handler, options) => registry.registerHandler(pattern, "", handler, options),
    emit: (type, data, options) => dispatcher.emit(type, data, options),
    emitAsync: (type, data, options) => dispatcher.emitAsync(type, data, options),
    init: () => registry.init(),
    drain: () => registry.drain(),
    close: () => registry.close(),
  };
}

/** What someone may have meant with the option `use`. */
const MEANT: readonly string[] = ["hooks", "hook", "handlers", "webhooks", "plugins"];

function checkList<Events extends object>(
  options: HooksOptions<Events>,
): readonly HooksOption<Events>[] {
  const subject = "Cannot create hooks";
  checkObject(subject, "the options", options);
  const meant = MEANT.find((name) => Object.hasOwn(options, name));
  if (meant !== undefined) {
    throw new TypeError(`${subject}: unknown option '${meant}'. Did you mean 'use'?`);
  }
  const { use } = options;
  if (use === undefined || Array.isArray(use)) return use ?? [];
  throw new TypeError(`${subject} as 'use' must be a list: current value is ${inspect(use)}`);
}

function registerAll(
  registry: HookRegistry,
  options: readonly HooksOption[],
): readonly Registration[] {
  const registrations: Registration[] = [];
  try {
    for (const option of options) registrations.push(register(registry, option));
  } catch (error) {
    for (const registration of registrations) registration.unregister();
    throw error;
  }
  return registrations;
}

function register(registry: HookRegistry, option: HooksOption): Registration {
  if (typeof option !== "object" || option === null) {
    throw new TypeError(
      `Cannot use ${inspect(option)} as it is no hook, no webhook and no option of withHook`,
    );
  }
  if ("kind" in option) {
    if (option.kind === "hook") {
      checkKnown("Cannot use this hook", option, ["kind", "hook"]);
      return registry.registerHook(option.hook);
    }
    if (option.kind === "webhook") {
      checkKnown("Cannot use this webhook", option, ["kind", "webhook"]);
      return registry.registerWebhook(option.webhook);
    }
    if (option.kind === "handler") {
      checkHandlerOption(option);
      const { events, name = "", options } = option;
      checkFunctions("Cannot use this handler", option, ["handle"]);
      // Called as the method that it is, but named as the function that it was.
      const handle: HandlerFunc = (event, context) => option.handle(event, context);
      Object.defineProperty(handle, "name", { value: option.handle.name });
      // The patterns were checked by type where the option was made.
      return registry.registerHandler(
        events as readonly "*"[],
        name,
        handle,
        options as HandlerOptions,
      );
    }
  }
  if (Array.isArray(option)) {
    throw new TypeError("Cannot use a list: spread it, as in use(...list)");
  }
  if (isWebhook(option)) return registry.registerWebhook(option);
  return registry.registerHook(option as Hook);
}

/** What is for `options` of a handler, and would be ignored beside it. */
const INSIDE: readonly string[] = ["once", "priority", "timeout", "filter"];

function checkHandlerOption(option: object): void {
  const subject = "Cannot use this handler";
  checkMembers(subject, option, ["kind", "events", "name", "options", "handle"]);
  const misplaced = INSIDE.find((name) => Object.hasOwn(option, name));
  if (misplaced === undefined) return;
  const meant = `options: { ${misplaced} }`;
  throw new TypeError(`${subject}: unknown option '${misplaced}'. Did you mean '${meant}'?`);
}

/** A hook may have any methods of its own, but a webhook is called in another way. */
function isWebhook(option: Hook | Webhook): option is Webhook {
  return "deliver" in option && "attempt" in option && !("handle" in option);
}
