import type { Emitter } from "./emitter.ts";
import type { Entry } from "./entry.ts";
import type { HandlerContext, Logger } from "./hook.ts";
import type { Chain } from "./nesting.ts";
import type { Recorder } from "./recorder.ts";

/** The parts of a handler's context. */
export type CallOptions = {
  /** The types of the events that led to the call. */
  readonly chain: Chain;
  readonly signal: AbortSignal;
  readonly attempt?: number;
};

/** Emits events that continue a chain. */
type ChainEmitter = {
  readonly [Name in "emit" | "emitInBackground"]: (
    type: string,
    data: unknown,
    options: Parameters<Emitter["emit"]>[2],
    cause: Chain,
  ) => ReturnType<Emitter[Name]>;
};

/** The parts that all contexts share. */
type ContextParts = {
  readonly logger: Logger;
  readonly recorder: Recorder;
  readonly emitter: ChainEmitter;
};

/** Returns the second argument of a handler. */
export function handlerContext(
  { store, info }: Entry,
  { chain, signal, attempt = 1 }: CallOptions,
  { logger, recorder, emitter }: ContextParts,
): HandlerContext {
  return Object.freeze<HandlerContext & { readonly telemetry?: Recorder }>({
    signal,
    logger,
    attempt,
    ...(store && { store }),
    ...(info.kind === "webhook" && { telemetry: recorder }),
    emit: (type, data, options) => emitter.emit(type, data, options, chain),
    emitInBackground: (type, data, options) => emitter.emitInBackground(type, data, options, chain),
  });
}
