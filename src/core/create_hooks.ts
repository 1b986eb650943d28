import { checkKnown } from "../internal/options.ts";
import { checkText, isObject } from "../internal/validate.ts";
import type { DeliveryQueue } from "./delivery.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { EmitOptions, Emitter, Receipt, TransactionReceipt } from "./emitter.ts";
import { correlationOf, findCorrelationIssues, MAX_SESSION } from "./event_rules.ts";
import type { AgentEvents } from "./events.ts";
import type { CallOptions, DecideOptions, Decision, DeniedCall } from "./gates/decision.ts";
import type { Hooks } from "./facade.ts";
import type { ChildOptions, HooksOptions } from "./options.ts";
import { HookRegistry } from "./registry.ts";

/**
 * Creates hooks: the place to register handlers and to emit events.
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
 * `hooks.outbox` has the type of the outbox that you pass. With your own events, name both types:
 * `createHooks<Events, Outbox>({ outbox })`.
 *
 * @throws {TypeError | RangeError} when an option is invalid
 */
export function createHooks<
  Events extends object = AgentEvents,
  Outbox extends DeliveryQueue | undefined = DeliveryQueue | undefined,
>(options: HooksOptions<Events, Outbox> = {}): Hooks<Events, Outbox> {
  const registry = new HookRegistry<Events>(options);
  const hooks: Hooks<Events, Outbox> = {
    registry,
    dispatcher: new Dispatcher<Events>(registry),
    outbox: options.outbox as Outbox,
    on: (pattern, handler, options) => registry.registerHandler(pattern, "", handler, options),
    once: (pattern, handler, options) =>
      registry.registerHandler(pattern, "", handler, { ...options, once: true }),
    use: (...options) => registry.use(...options),
    emit: (type: never, data: never, options?: EmitOptions) =>
      registry.emit(type, data, options) as Promise<TransactionReceipt>,
    emitInBackground: (type, data, options) => registry.emitInBackground(type, data, options),
    gate: (pattern, gate) => registry.gates.register(pattern, gate),
    decide: (type, data, options) => registry.gates.decide(type, data, options),
    call:
      ((name: string, params: object, run: () => unknown, options?: CallOptions) =>
        registry.gates.call(name, params, run, options)) as Hooks<Events, Outbox>["call"],
    child: (options) => childOf(hooks, childOptions(options, {})),
    asks: registry.gates.asks,
    init: () => registry.init(),
    drain: () => registry.drain(),
    close: () => registry.close(),
  };
  return hooks;
}

function childOf<Events extends object, Outbox extends DeliveryQueue | undefined>(
  hooks: Hooks<Events, Outbox>,
  agent: ChildOptions,
): Hooks<Events, Outbox> {
  const methods = childMethods(hooks.registry as never, agent);
  const child = {
    ...hooks,
    ...methods as unknown as Pick<Hooks<Events, Outbox>, keyof typeof methods>,
    dispatcher: new Dispatcher<Events>(hooks.registry, methods as unknown as Emitter<Events>),
    child: (options: ChildOptions) => childOf(hooks, childOptions(options, agent)),
  };
  return child;
}

/** The methods of a child that differ from its parent's. */
type ChildMethods = {
  emit(type: string, data: unknown, options?: EmitOptions): Promise<Receipt>;
  emitInBackground(type: string, data: unknown, options?: EmitOptions): void;
  decide(type: string, data: unknown, options?: DecideOptions): Promise<Decision>;
  call(
    name: string,
    params: object,
    run: () => unknown,
    options?: CallOptions,
  ): Promise<unknown | DeniedCall>;
};

/**
 * Returns the options of a child of a child, which inherits those that it omits.
 *
 * @throws {TypeError} when one is invalid
 */
function childOptions(
  options: ChildOptions,
  parent: Partial<ChildOptions>,
): ChildOptions {
  const subject = "Cannot create child hooks";
  checkKnown(subject, options, ["agentId", "parentAgentId", "runId", "sessionId"]);
  const {
    agentId,
    parentAgentId = parent.agentId,
    runId = parent.runId,
    sessionId = parent.sessionId,
  } = options;
  checkText(subject, "agentId", agentId, MAX_SESSION);
  if (parentAgentId !== undefined) checkText(subject, "parentAgentId", parentAgentId, MAX_SESSION);
  for (const { path, message } of findCorrelationIssues({ runId, sessionId })) {
    throw new TypeError(`${subject}: '${String(path![0])}' ${message}`);
  }
  return { agentId, parentAgentId, runId, sessionId };
}

/** Returns the methods that emit events of an agent. */
function childMethods(registry: HookRegistry<never>, child: ChildOptions): ChildMethods {
  const { agentId, parentAgentId } = child;
  const correlation = correlationOf(child);
  const { gates } = registry;
  const within = <Options extends object>(options: Options | undefined): Options => {
    if (options === undefined) return correlation as Options;
    return isObject(options) ? withDefaults(options, correlation) : options;
  };
  const by = (type: string, data: unknown): never => withAgent(type, data, child) as never;
  return {
    emit: (type, data, options) => registry.emit(type as never, by(type, data), within(options)),
    emitInBackground: (type, data, options) =>
      registry.emitInBackground(type as never, by(type, data), within(options)),
    decide: (type, data, options) =>
      gates.decide(type as never, by(type, data), within(options)) as Promise<Decision>,
    call: (name, params, run, options) =>
      gates.call(name, params, run, withDefaults(within(options), { agentId, parentAgentId })),
  };
}

/** The types of events that name their agent. Schemas of other types may allow no more fields. */
const OF_AGENTS = /^(?:message|tool|model|session|job|agent)\./;

/** Returns a payload with the agent in it, unless it names one. */
function withAgent(type: string, data: unknown, { agentId, parentAgentId }: ChildOptions): unknown {
  if (!OF_AGENTS.test(type) || !isObject(data)) return data;
  const defaults = {
    agent_id: agentId,
    ...(parentAgentId !== undefined && { parent_agent_id: parentAgentId }),
  };
  try {
    return typeof data.toJSON === "function" ? data : withDefaults(data, defaults);
  } catch {
    return data; // what can't be read is an error of the emission
  }
}

/** Returns values, and defaults in place of those that are undefined or null. */
function withDefaults<Values extends object>(values: Values, defaults: object): Values {
  const given = values as Readonly<Record<string, unknown>>;
  const missing = Object.entries(defaults).filter(([name]) =>
    (given[name] ?? undefined) === undefined
  );
  return { ...values, ...Object.fromEntries(missing) };
}
