/**
 * Type tests of hooks, options and variance; see `types_test.ts`.
 * @module
 */
import assert from "node:assert/strict";
import {
  type AgentEvents,
  createHooks,
  defineHook,
  type Dispatcher,
  type Emitter,
  type EventOf,
  type HandlerContext,
  type Hook,
  type HookRegistry,
  type Hooks,
  type HooksOption,
  type Logger,
  type StandardSchemaV1,
  type ToolData,
  type Webhook,
  withCompiledHook,
  withHook,
  withNamedHook,
} from "@omniagent/hooks";
import type { ToolDeniedData } from "@omniagent/hooks/gates";
import { test } from "../support/harness.ts";
import { type Events, typeOf } from "./_types.ts";

const hooks = createHooks<Events>();
const agentHooks = createHooks();

/** Hooks: `defineHook` infers the event from `events`. */
function definitions(): void {
  const meter = defineHook({
    name: "meter",
    events: ["tool.*", "agent.end"],
    filter: (event) => event.type !== "tool.completed",
    handle(event, context) {
      typeOf<"tool.called" | "tool.completed" | "tool.denied" | "agent.end">()(event.type);
      typeOf<HandlerContext<AgentEvents>>()(context);
    },
  });
  typeOf<Hook<EventOf<AgentEvents, "tool.*" | "agent.end">, AgentEvents>>()(meter);
  const biller = defineHook<Events>()({
    name: "biller",
    events: ["order.paid"],
    async handle(event, context) {
      typeOf<number>()(event.data.total);
      await context.emit("order.item.added", { sku: "a" });
    },
  });
  hooks.use(meter, biller); // a hook of AgentEvents fits more events
  agentHooks.use(meter);
  hooks.use(
    defineHook({
      name: "c",
      events: ["order.*"],
      handle: (event) => typeOf<"order.paid" | "order.item.added">()(event.type),
    }),
  );
  createHooks<Events>({
    use: [meter, biller, defineHook({ name: "d", events: ["order.paid"], handle() {} })],
  });
  // @ts-expect-error unknown pattern
  defineHook({ name: "e", events: ["order.paid"], handle() {} });
  // @ts-expect-error unknown prefix
  defineHook<Events>()({ name: "e", events: ["orders.*"], handle() {} });
  // @ts-expect-error a hook has a name
  defineHook({ events: ["tool.*"], handle() {} });
  // @ts-expect-error this one emits events that are not known here
  agentHooks.use(biller);
}

/** A hook may be a class, whose `events` are strings to TypeScript. */
class Audit implements Hook {
  name = "audit";
  events = ["tool.*"];
  handle(event: EventOf): void {
    if (event.type === "tool.called") typeOf<ToolData>()(event.data);
  }
}
class Narrow implements Hook<EventOf<AgentEvents, "tool.*">> {
  name = "narrow";
  events = ["tool.*"];
  handle(event: EventOf<AgentEvents, "tool.*">): void {
    typeOf<ToolData | ToolDeniedData>()(event.data);
  }
}

/** Options are plain data, and a list of them for few events fits where more are known. */
function options(webhook: Webhook): void {
  hooks.use(new Audit(), new Narrow(), webhook, withCompiledHook(new Audit()));
  agentHooks.use(new Audit(), new Narrow());
  const some: readonly HooksOption[] = [
    withHook("tool.called", (event) => typeOf<ToolData>()(event.data)),
    withNamedHook(["tool.*", "agent.end"], "n", (event) => void event.sessionId),
    new Audit(),
    webhook,
  ];
  hooks.use(...some);
  createHooks<Events>({ use: some });
  hooks.use(withHook("order.paid", (event) => typeOf<number>()(event.data.total)));
  // @ts-expect-error unknown pattern
  withHook("order.paid", () => {});
  // @ts-expect-error the name comes before the handler
  withNamedHook("tool.called", () => {}, "n");
  // @ts-expect-error no hook, no webhook, no option
  hooks.use({ name: "a" });
}

/** Variance: `Hooks` of more events is no `Hooks` of fewer, but it emits and installs like one. */
function variance(): void {
  // @ts-expect-error someone else's `on("*")` would receive events that it does not know
  const asHooks: Hooks<AgentEvents> = hooks;
  // @ts-expect-error the same
  const asRegistry: HookRegistry<AgentEvents> = hooks.registry;
  // @ts-expect-error the other way, it would emit what they do not know
  const asMore: Hooks<Events> = agentHooks;
  const emitters: readonly Emitter[] = [hooks, hooks.dispatcher, agentHooks];
  const installers: readonly Pick<Hooks, "use">[] = [hooks, agentHooks];
  const dispatcher: Dispatcher<AgentEvents> = hooks.dispatcher;
  void [asHooks, asRegistry, asMore, emitters, installers, dispatcher];
}

/** Loggers, schemas, `redact`. */
function environment(schema: StandardSchemaV1<unknown, { total: number }>): void {
  const logger: Logger = console;
  createHooks<Events>({ logger, schemas: { "order.paid": schema, "tool.called": undefined } });
  createHooks({
    redact: (event) => ({ ...event, data: {} }),
    onError: (error) => typeOf<unknown>()(error),
  });
  // @ts-expect-error a schema of another payload
  createHooks<Events>({ schemas: { "order.item.added": schema } });
  // @ts-expect-error a schema of no event
  createHooks<Events>({ schemas: { "order.lost": schema } });
  // @ts-expect-error "reject" or "drop"
  createHooks({ overflow: "wait" });
  // @ts-expect-error a logger has four methods
  createHooks({ logger: { error() {} } });
}

test("hooks, options, and variance have the documented types", () => {
  assert.equal([definitions, options, variance, environment].length, 4);
});
