import { checkFunctions } from "../internal/validate.ts";
import { checkKnown, readCount } from "../internal/options.ts";
import type {
  AgentEvents,
  EventOf,
  EventPattern,
  EventType,
  HandlerContext,
  HandlerResult,
  Hook,
} from "../core/mod.ts";
import type { AnyMatcher } from "./_matches.ts";
import { findEvent, Recording } from "./_recording.ts";
import { describeMatcher } from "./_transcript.ts";
import type { EventMatcher } from "./event_matcher.ts";

/** Options of a `RecordingHook`. */
export type RecordingHookOptions<Events extends object = AgentEvents> = {
  /** The hook's name. @default {"recorder"} */
  readonly name?: string | undefined;
  /** The patterns that it hears. @default {["*"]} */
  readonly events?: readonly EventPattern<Events>[] | undefined;
  /** Whether it is a durable hook. @default {false} */
  readonly durable?: boolean | undefined;
  /** What it does with an event that is recorded, such as to fail. @default nothing */
  handle?(event: EventOf<Events>, context: HandlerContext<Events>): HandlerResult;
};

/** One call of a `RecordingHook`. */
export type RecordedCall<Events extends object = AgentEvents> = {
  /** The event. */
  readonly event: EventOf<Events>;
  /** What came with it, such as `attempt`. */
  readonly context: HandlerContext<Events>;
};

/** Options of `waitFor`. */
export type RecordingWaitOptions = {
  /** Gives up waiting, such as `AbortSignal.timeout(1000)`. @default waits for ever */
  readonly signal?: AbortSignal | undefined;
};

/**
 * A hook that keeps what it hears, for tests of what emits.
 *
 * ```ts
 * import { createHooks } from "@omniagent/hooks";
 * import { RecordingHook } from "@omniagent/hooks/testing";
 *
 * const recorder = new RecordingHook();
 * const hooks = createHooks({ use: [recorder] });
 * await hooks.emit("tool.called", { name: "bash", params: { command: "ls" } });
 *
 * recorder.expectTypes(["tool.called"]);
 * const event = recorder.expect({ type: "tool.called", data: { name: "bash" } });
 * console.log(event.data.params); // { command: "ls" }
 * ```
 *
 * @typeParam Events The events that it can hear
 */
export class RecordingHook<Events extends object = AgentEvents>
  implements Hook<EventOf<Events>, Events> {
  /** The hook's name. */
  readonly name: string;
  /** The patterns that it hears. */
  readonly events: readonly string[];
  /** Whether it is a durable hook. */
  readonly durable: boolean;

  // Private members name no `Events`: they would forbid a hook of few events where more are known.
  readonly #recording = new Recording();
  readonly #handle: ((event: never, context: never) => HandlerResult) | undefined;

  /** A hook that has heard nothing yet. Own events are named: `new RecordingHook<Events>()`. */
  constructor(options: RecordingHookOptions<NoInfer<Events>> = {}) {
    const subject = "Cannot create a recording hook";
    checkKnown(subject, options, ["name", "events", "durable", "handle"]);
    checkFunctions(subject, options, [], ["handle"]);
    this.name = options.name ?? "recorder";
    this.events = options.events ?? ["*"];
    this.durable = options.durable ?? false;
    this.#handle = options.handle?.bind(options);
  }

  /** Every call since the last `clear`, in order. */
  get calls(): readonly RecordedCall<Events>[] {
    return [...this.#recording.calls] as unknown as readonly RecordedCall<Events>[];
  }

  /** Every event since the last `clear`, in order. */
  get recorded(): readonly EventOf<Events>[] {
    return this.calls.map(({ event }) => event);
  }

  /** The types of these events. */
  get types(): readonly EventType<Events>[] {
    return this.#recording.calls.map(({ event }) => event.type as EventType<Events>);
  }

  /** Records an event. */
  handle(event: EventOf<Events>, context: HandlerContext<Events>): HandlerResult {
    this.#recording.add({ event, context });
    return this.#handle?.(event as never, context as never);
  }

  /** Forgets all calls. Who waits goes on waiting. */
  clear(): void {
    this.#recording.calls.length = 0;
  }

  /**
   * Resolves to the first events as soon as there are so many.
   *
   * @throws {RangeError} when `count` is no positive whole number
   * @throws {ExpectationError} when the signal aborts first; `cause` is its reason
   */
  waitFor(count: number, options?: RecordingWaitOptions): Promise<readonly EventOf<Events>[]>;
  /**
   * Resolves to the first event that a matcher means, at once when it has come already.
   *
   * @throws {ExpectationError} when the signal aborts first; `cause` is its reason
   */
  waitFor<const Pattern extends EventPattern<Events> = EventPattern<Events>>(
    matcher: EventMatcher<Events, Pattern>,
    options?: RecordingWaitOptions,
  ): Promise<EventOf<Events, Pattern>>;
  async waitFor(
    wanted: number | AnyMatcher,
    options: RecordingWaitOptions = {},
  ): Promise<unknown> {
    checkKnown("Cannot wait", options, ["signal"]);
    const { signal } = options;
    if (typeof wanted === "object" && wanted !== null) {
      return await this.#recording.waitFor(
        (calls) => findEvent(calls, wanted),
        describeMatcher(wanted),
        signal,
      );
    }
    readCount("Cannot wait", "count", wanted);
    const find = () =>
      this.#recording.calls.length >= wanted ? this.recorded.slice(0, wanted) : undefined;
    return await this.#recording.waitFor(find, `${wanted} events`, signal);
  }

  /**
   * The first event that a matcher means.
   *
   * @throws {ExpectationError} when there is none
   */
  expect<const Pattern extends EventPattern<Events> = EventPattern<Events>>(
    matcher: EventMatcher<Events, Pattern>,
  ): EventOf<Events, Pattern> {
    const event = findEvent(this.#recording.calls, matcher);
    if (event === undefined) {
      throw this.#recording.failure(`Expected ${describeMatcher(matcher)}`);
    }
    return event as unknown as EventOf<Events, Pattern>;
  }

  /**
   * Expects that these are the types of all events, in this order.
   *
   * @throws {ExpectationError} when they are not
   */
  expectTypes(types: readonly EventType<Events>[]): void {
    const found = this.types;
    if (found.length === types.length && types.every((type, i) => type === found[i])) return;
    throw this.#recording.failure(`Expected the types ${types.join(", ") || "of no event"}`);
  }

  /**
   * Expects that no event is meant by a matcher; without one, that there is no event.
   *
   * @throws {ExpectationError} when there is one
   */
  expectNone<const Pattern extends EventPattern<Events> = EventPattern<Events>>(
    matcher: EventMatcher<Events, Pattern> = {},
  ): void {
    if (findEvent(this.#recording.calls, matcher) === undefined) return;
    throw this.#recording.failure(`Expected not ${describeMatcher(matcher)}`);
  }
}
