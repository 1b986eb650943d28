/**
 * Type tests: what section 3 of the design promises compiles, and what it refuses does not. `deno check` judges; the one
 * test at the end shows that the file was run.
 * @module
 */
import assert from "node:assert/strict";
import {
  type AgentEndData,
  type AgentEvents,
  createHooks,
  defineHook,
  type EventOf,
  type EventPattern,
  type EventType,
  type HandlerContext,
  type HandlerFunc,
  type Hook,
  type HookEvent,
  type MessageData,
  type Receipt,
  type SessionData,
  type ToolData,
  withHook,
  withNamedHook,
} from "@omniagent/hooks";
import type { ToolDeniedData } from "@omniagent/hooks/gates";
import { RecordingHook } from "@omniagent/hooks/testing";
import { generateSecret, webhookReceiver } from "@omniagent/hooks/webhook";
import { test } from "../support/harness.ts";
import { type Events, is, type Own, type Same, typeOf } from "./_types.ts";

const hooks = createHooks<Events>();
const agentHooks = createHooks();
const bash = { name: "bash" };

/** Types of events and patterns. */
function patterns(): void {
  is<Same<EventType<Own>, "order.paid" | "order.item.added">>();
  is<Same<EventPattern<{ "a.b.c": 1 }>, "a.b.c" | "a.*" | "a.b.*" | "*">>();
  is<Same<EventPattern<{ a: 1 }>, "a" | "*">>();
  is<Same<EventPattern<Own>, EventType<Own> | "order.*" | "order.item.*" | "*">>();
  is<Same<EventOf<Own, "order.*">["type"], "order.paid" | "order.item.added">>();
  is<Same<EventOf<Own, "order.item.*">["type"], "order.item.added">>();
  is<Same<EventOf<{ "a": 1; "a.b": 2 }, "a.*">["type"], "a.b">>();
  is<
    Same<
      EventOf<Events, "order.paid" | "tool.*">["type"],
      "order.paid" | "tool.called" | "tool.completed" | "tool.denied"
    >
  >();
  is<Same<EventOf<Own, "*">["type"], EventType<Own>>>();
  is<Same<EventOf<Own, "order.paid">, HookEvent<"order.paid", { total: number }>>>();
  is<
    Same<EventOf<AgentEvents, "tool.*">["type"], "tool.called" | "tool.completed" | "tool.denied">
  >();
  is<Same<EventOf["type"], EventType>>();
  is<Same<EventOf<Record<string, unknown>, "a.*">["type"], string>>();
  is<AgentEvents extends Record<string, unknown> ? true : false>();
  // @ts-expect-error they are not the same: the helper can tell
  is<Same<EventOf<Own, "order.item.*">["type"], EventType<Own>>>();
  // @ts-expect-error nor does `any` pass for a type
  typeOf<string>()(JSON.parse("{}"));
}

/** A handler's event is what its patterns match. */
function handlers(): void {
  hooks.on("order.paid", (event) => typeOf<HookEvent<"order.paid", { total: number }>>()(event));
  hooks.on("tool.*", (event) => typeOf<ToolData | ToolDeniedData>()(event.data));
  hooks.on(["order.paid", "message.*"], (event) => {
    typeOf<"order.paid" | "message.received" | "message.sent">()(event.type);
    if (event.type === "order.paid") typeOf<number>()(event.data.total);
    else typeOf<MessageData>()(event.data);
  });
  hooks.on("*", (event) => {
    if (event.type === "agent.end") typeOf<AgentEndData>()(event.data);
    if (event.type === "order.item.added") typeOf<string>()(event.data.sku);
  }, { filter: (event) => event.sessionId !== undefined });
  hooks.on("order.paid", () => {}, { filter: (event) => event.data.total > 5 });
  hooks.on("order.paid", async () => {});
  hooks.registry.registerHandler(
    "session.created",
    "",
    (event) => typeOf<SessionData>()(event.data),
  );
  const general: HandlerFunc<HookEvent> = () => {};
  hooks.on("order.*", general);
  createHooks<Record<string, unknown>>().on("*", (event) => typeOf<unknown>()(event.data));

  // @ts-expect-error no event has this type
  hooks.on("order.lost", () => {});
  // @ts-expect-error no event has this prefix
  hooks.on("orders.*", () => {});
  // @ts-expect-error a pattern ends in `.*`
  hooks.on("order.", () => {});
  // @ts-expect-error one of the patterns is unknown
  hooks.on(["order.paid", "order.lost"], () => {});
  // @ts-expect-error own events are not known here
  agentHooks.on("order.paid", () => {});
  // @ts-expect-error the payload has no such field
  hooks.on("tool.called", (event) => event.data.total);
  // @ts-expect-error the field must be narrowed to first
  hooks.on(["order.paid", "tool.called"], (event) => event.data.total);
  hooks.on("tool.called", (event) => {
    // @ts-expect-error events are read only
    event.data.name = "other";
  });
  // @ts-expect-error a handler of another payload
  hooks.on("order.paid", (_event: HookEvent<"order.paid", { total: string }>) => {});
  // @ts-expect-error a filter says yes or no, and not later
  hooks.on("order.paid", () => {}, { filter: () => Promise.resolve(true) });
}

/** A handler may return anything, wherever it is written down. */
function results(): void {
  const totals: number[] = [];
  const seen = new Map<string, unknown>();
  hooks.on("order.paid", (event) => totals.push(event.data.total));
  hooks.on("order.paid", (event) => seen.set(event.id, event.data));
  hooks.on("order.paid", (event) => event.data.total > 5 && totals.push(1));
  hooks.on("order.paid", () => null);
  hooks.on("order.paid", () => Symbol());
  hooks.on("order.paid", async (event) => await Promise.resolve(event.data.total));
  hooks.on("order.paid", (_, context) => context.emit("tool.called", bash));
  hooks.on("order.paid", () => new Promise((resolve) => resolve())); // of nothing, without saying so
  hooks.on("order.paid", (): unknown => totals);
  const anything: HandlerFunc<HookEvent> = () => Math.random() > 0.5 ? 1 : Promise.resolve("text");
  hooks.on("*", anything);
  hooks.registry.registerHandler("tool.called", "", (event) => event.data.name);
  hooks.use(
    withHook("tool.called", (event) => event.data.name),
    withNamedHook("tool.called", "named", (event) => Promise.resolve(event.data.name)),
    defineHook({
      name: "counts",
      events: ["tool.*"],
      init: () => totals.push(0),
      handle: (event) => totals.push(event.data.name.length),
      close: () => totals.length,
    }),
    new RecordingHook({ handle: (event) => seen.set(event.id, event) }),
    { name: "literal", events: ["*"], handle: () => 1, init: () => true, close: () => "closed" },
  );
  class Counter implements Hook {
    readonly name = "class";
    readonly events = ["*"];
    handle = () => totals.push(1);
    init = () => Promise.resolve(this);
    close(): number {
      return totals.length;
    }
  }
  hooks.use(new Counter());
  createHooks({ onError: (error) => totals.push(String(error).length), onDrop: () => 1 });
  webhookReceiver((event) => seen.set(event.id, event), { secrets: generateSecret() });
}

/** What is emitted is checked, by `context.emit` too. */
function emitting(context: HandlerContext<Own>): void {
  typeOf<Promise<Receipt>>()(
    hooks.emit("order.paid", { total: 5 }, { sessionId: "s-1", signal: undefined }),
  );
  typeOf<void>()(hooks.emitInBackground("tool.called", bash));
  hooks.dispatcher.emitWithSession("order.paid", "s-1", { total: 5 });
  context.emit("order.paid", { total: 5 });
  // @ts-expect-error unknown type
  hooks.emit("order.lost", {});
  // @ts-expect-error a pattern is no type
  hooks.emit("order.*", { total: 5 });
  // @ts-expect-error wrong field
  hooks.emit("order.paid", { total: "5" });
  // @ts-expect-error missing payload
  hooks.emit("order.paid");
  // @ts-expect-error unknown field
  hooks.emitInBackground("tool.called", { name: "bash", tool: "bash" });
  // @ts-expect-error `action` is one of two
  hooks.emit("session.created", { session_id: "s-1", action: "removed" });
  // @ts-expect-error `aborted` is always present
  hooks.emit("agent.end", { success: true, duration_ms: 1 });
  // @ts-expect-error not an event of these
  context.emit("tool.called", bash);
  // @ts-expect-error wrong field
  context.emitInBackground("order.paid", { total: "5" });
  // @ts-expect-error the session comes second
  hooks.dispatcher.emitWithSession("order.paid", { total: 5 }, "s-1");
  hooks.on("tool.called", (_event, context) => void context.emit("order.paid", { total: 1 }));
}

test("events, patterns, and emissions have the documented types", () => {
  assert.equal([patterns, handlers, results, emitting].length, 4);
});
