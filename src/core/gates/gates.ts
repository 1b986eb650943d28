import { systemClock } from "../../internal/clock.ts";
import type { InFlight } from "../background_queue.ts";
import type { AgentEvents, EventType, HookEvent } from "../events.ts";
import type { Logger } from "../hook.ts";
import type { HookLifecycle } from "../lifecycle.ts";
import { inside } from "../nesting.ts";
import type { HooksOptions } from "../options.ts";
import type { EventOf, EventPattern } from "../patterns.ts";
import type { Observer } from "../observer.ts";
import type { Pipeline } from "../pipeline.ts";
import type { Registration } from "../registration.ts";
import type { Recorder } from "../recorder.ts";
import type { Reporter } from "../reporter.ts";
import { Asks } from "./asks.ts";
import { type CallOptions, callTool, type DeniedCall, type ToolContext } from "./tool_call.ts";
import { Digester } from "./digest.ts";
import type { Gate } from "./gate.ts";
import type { GateHost } from "./gate_host.ts";
import type { DecideOptions, Decision } from "./decision.ts";
import { Gatekeeper } from "./gatekeeper.ts";

/** The parts of the registry that gates work with. */
type Parts = {
  readonly logger: Logger;
  readonly reporter: Reporter;
  readonly lifecycle: HookLifecycle;
  readonly observer: Observer;
  readonly pipeline: Pipeline;
  /** Decisions and tool calls, which `close` waits for. */
  readonly calls: InFlight;
  readonly recorder: Recorder;
};

/** The gates of a registry, and the decisions they make. */
export class Gates<Events extends object = AgentEvents> {
  /** What gates ask, and how to respond. See `Hooks.asks`. */
  readonly asks: Asks;
  readonly #lifecycle: HookLifecycle;
  readonly #host: GateHost;
  readonly #keeper: Gatekeeper;
  readonly #observer: Observer;

  /** @ignore A registry creates its own. */
  constructor({ gates, outbox, redact }: Omit<HooksOptions, "logger">, parts: Parts) {
    const { lifecycle, pipeline, calls, logger, reporter, observer, recorder } = parts;
    const records = outbox?.records;
    this.#lifecycle = lifecycle;
    this.#host = {
      logger,
      reporter,
      telemetry: recorder,
      records,
      clock: systemClock,
      digester: new Digester(records, redact !== undefined),
      closing: lifecycle.closing,
      abandoned: lifecycle.abandoned,
      admit: (subject) => lifecycle.admit(subject, false),
      async run(work) {
        const leave = calls.enter();
        try {
          return await inside(lifecycle, "dispatch", work);
        } finally {
          leave();
        }
      },
      publish: (events, records) => {
        // What is stored nowhere is only observed: no observer keeps a tool from running.
        if (outbox === undefined) return observer.accept(events, true);
        const batch = events.map((event) => ({ event, fresh: true }));
        return new Promise((resolve, reject) => {
          const options = { onAccepted: () => resolve(), records, isAdmitted: true };
          pipeline.dispatchMany(batch, options).then(() => resolve(), reject);
        });
      },
      redact: (event) => pipeline.redact(event),
      validate: (event) => pipeline.validate(event),
    };
    this.#observer = observer;
    this.#keeper = new Gatekeeper(gates, this.#host);
    this.asks = new Asks(this.#keeper.asking, records);
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
    this.#lifecycle.admit("Cannot register gate", false);
    return this.#keeper.register(pattern, gate as unknown as Gate<HookEvent>);
  }

  /** Whether gates decide about events of a type, or a required one is missing. */
  guards(type: string): boolean {
    return this.#keeper.guards(type);
  }

  /** Decides about an event, and emits it if it is allowed. See `Hooks.decide`. */
  decide<Type extends EventType<Events>>(
    type: Type,
    data: Events[Type],
    options?: DecideOptions,
  ): Promise<Decision<Events[Type]>> {
    if (hasTransaction(options)) return rejectTransaction(`Cannot decide about '${type}'`);
    return this.#keeper.decide(type, data, options) as Promise<Decision<Events[Type]>>;
  }

  /** Decides about a tool call, and runs the tool if it is allowed. See `Hooks.call`. */
  call<Params extends object, Result>(
    name: string,
    params: Params,
    run: (params: Params, context: ToolContext) => Result | PromiseLike<Result>,
    options: CallOptions = {},
  ): Promise<Result | DeniedCall> {
    if (hasTransaction(options)) return rejectTransaction(`Cannot call '${name}'`);
    const { telemetry, redact } = this.#host;
    const host = {
      gates: this.#keeper,
      now: systemClock.now,
      observer: this.#observer,
      telemetry,
      redact,
    };
    // `close` waits for the tool, so that what it did is recorded.
    return this.#host.run(() => callTool(host, name, params, run, options));
  }
}

function hasTransaction(options: object = {}): boolean {
  return (options as { readonly tx?: unknown } | null)?.tx !== undefined;
}

function rejectTransaction(subject: string): Promise<never> {
  return Promise.reject(
    new TypeError(
      `${subject}: 'tx' can't be used, because a decision is recorded before anything happens, and a ` +
        "rollback would remove that record. Decide first, then emit in the transaction",
    ),
  );
}
