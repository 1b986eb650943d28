import { systemClock } from "../../internal/clock.ts";
import { DispatchError } from "../errors.ts";
import type { AgentEvents, EventType, HookEvent } from "../events.ts";
import type { Logger } from "../hook.ts";
import type { HookLifecycle } from "../lifecycle.ts";
import type { EventOf, EventPattern } from "../patterns.ts";
import type { Pipeline } from "../pipeline.ts";
import type { Registration } from "../registration.ts";
import type { Reporter } from "../reporter.ts";
import {
  type CallHost,
  type CallOptions,
  callTool,
  type DeniedCall,
  type ToolContext,
} from "./tool_call.ts";
import type { Gate } from "./gate.ts";
import type { DecideOptions, Decision, GatesOptions } from "./decision.ts";
import { Gatekeeper } from "./gatekeeper.ts";

/** The parts of the registry that gates work with. */
type Parts = {
  readonly logger: Logger;
  readonly reporter: Reporter;
  readonly lifecycle: HookLifecycle;
  readonly pipeline: Pipeline;
};

/** The gates of a registry, and the decisions they make. */
export class Gates<Events extends object = AgentEvents> {
  readonly #parts: Parts;
  readonly #keeper: Gatekeeper;

  /** @ignore A registry creates its own. */
  constructor(options: GatesOptions | undefined, parts: Parts) {
    const { lifecycle: { abandoned }, pipeline, ...rest } = parts;
    this.#parts = parts;
    this.#keeper = new Gatekeeper(options, {
      ...rest,
      clock: systemClock,
      abandoned,
      validate: (event) => pipeline.validate(event),
      dispatchMany: (batch, options) => pipeline.dispatchMany(batch, options),
    });
  }

  /**
   * Registers a gate for one pattern or several. See `Hooks.gate`.
   *
   * @throws {TypeError | RangeError} when the gate is invalid, or its name is taken
   * @throws {HooksClosedError} after `close`
   */
  register<const Pattern extends EventPattern<Events>>(
    pattern: Pattern | readonly Pattern[],
    gate: Gate<EventOf<Events, Pattern>>,
  ): Registration {
    this.#parts.lifecycle.admit("Cannot register gate", false);
    return this.#keeper.register(pattern, gate as unknown as Gate<HookEvent>);
  }

  /** Decides about an event, and emits it if it is allowed. See `Hooks.decide`. */
  decide<Type extends EventType<Events>>(
    type: Type,
    data: Events[Type],
    options?: DecideOptions,
  ): Promise<Decision<Events[Type]>> {
    return this.#keeper.decide(type, data, options) as Promise<Decision<Events[Type]>>;
  }

  /** Decides about a tool call, and runs the tool if it is allowed. See `Hooks.call`. */
  call<Params extends object, Result>(
    name: string,
    params: Params,
    run: (params: Params, context: ToolContext) => Result | PromiseLike<Result>,
    options: CallOptions = {},
  ): Promise<Result | DeniedCall> {
    const { reporter, pipeline } = this.#parts;
    const complete: CallHost["complete"] = async (data, correlation) => {
      await pipeline.emit("tool.completed", data, correlation).catch((error) => {
        // Handlers that failed were reported one by one.
        if (error instanceof DispatchError) return;
        reporter.failed("Cannot emit 'tool.completed'", error);
      });
    };
    return callTool(
      { gates: this.#keeper, now: systemClock.now, complete },
      name,
      params,
      run,
      options,
    );
  }
}
