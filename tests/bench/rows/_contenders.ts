import { decodeEvent, encodeEvent, type HookEvent, HookRegistry } from "@omniagent/hooks";
import type { Operation } from "../sampler.ts";
import { event } from "./_event.ts";
import { type Handler, HandLoop } from "./_hand_loop.ts";
import type { HandlerKind } from "./_handlers.ts";

/**
 * Registers handlers for the type of `event`; gives what emits it to them. Peers are imported when
 * they are needed, so that a process has no other in memory than the one that it measures.
 */
export type Contender = (
  handlers: readonly Handler[],
  kind: HandlerKind,
) => Operation | Promise<Operation>;

/** An accepted event: its payload isn't copied again. */
const accepted = decodeEvent(encodeEvent(event));

/** Our side of all comparisons. */
export const ours: Contender = (handlers) => {
  const registry = new HookRegistry();
  for (const handler of handlers) registry.registerHandler(event.type, "", handler);
  return () => registry.dispatch(accepted);
};

/** A loop without a library. Its handlers read the same event, so that only dispatching differs. */
export const handLoop: Contender = (handlers) => {
  const loop = new HandLoop();
  for (const handler of handlers) loop.on(event.type, handler);
  return () => loop.dispatch(accepted);
};

/** The same loop with an event that anyone can change: what reading an immutable one costs handlers. */
export const handLoopMutable: Contender = (handlers) => {
  const loop = new HandLoop();
  for (const handler of handlers) loop.on(event.type, handler);
  return () => loop.dispatch(event);
};

/** hookable: in order, awaiting promises; a handler that throws stops the others. */
export const hookable: Contender = async (handlers) => {
  const { createHooks } = await import("hookable");
  const hooks = createHooks<Record<string, Handler>>();
  for (const handler of handlers) hooks.hook(event.type, handler);
  return () => hooks.callHook(event.type, event);
};

/** emittery, all handlers at once. */
export const emitteryEmit: Contender = async (handlers) => {
  const emitter = await makeEmittery(handlers);
  return () => emitter.emit(event.type, event);
};

/** emittery, one after the other. */
export const emitterySerial: Contender = async (handlers) => {
  const emitter = await makeEmittery(handlers);
  return () => emitter.emitSerial(event.type, event);
};

async function makeEmittery(handlers: readonly Handler[]) {
  const { default: Emittery } = await import("emittery");
  const emitter = new Emittery<Record<string, typeof event>>();
  for (const handler of handlers) emitter.on(event.type, ({ data }) => handler(data));
  return emitter;
}

/** tapable: compiles its handlers into one function, where `new Function` is allowed. */
export const tapable: Contender = async (handlers, kind) => {
  const { AsyncSeriesHook } = await import("tapable");
  const hook = new AsyncSeriesHook<[typeof event]>(["event"]);
  for (const [index, handler] of handlers.entries()) {
    if (kind === "sync") hook.tap(`handler-${index}`, handler);
    else hook.tapPromise(`handler-${index}`, handler as (event: HookEvent) => Promise<void>);
  }
  return () => hook.promise(event);
};

/** eventemitter3: calls without isolation, and drops returned promises. */
export const eventEmitter3: Contender = async (handlers) => {
  const { EventEmitter } = await import("eventemitter3");
  const emitter = new EventEmitter<Record<string, Handler>>();
  for (const handler of handlers) emitter.on(event.type, handler);
  return () => emitter.emit(event.type, event);
};
