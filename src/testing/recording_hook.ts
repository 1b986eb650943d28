import type {
  AgentEvents,
  EventOf,
  EventPattern,
  EventType,
  HandlerContext,
  HandlerResult,
  Hook,
  HookEvent,
} from "../core/mod.ts";
import { onAbort } from "../internal/async.ts";
import { checkKnown, readCount } from "../internal/options.ts";
import { checkFunctions } from "../internal/validate.ts";
import { type AnyMatcher, type EventMatcher, toPredicate } from "./event_matcher.ts";
import { ExpectationError } from "./expectation_error.ts";

/** Options of a `RecordingHook`. */
export type RecordingHookOptions<Events extends object = AgentEvents> = {
  /** The name of the hook. @default {"recorder"} */
  readonly name?: string | undefined;
  /** The patterns that it subscribes to. @default {["*"]} */
  readonly events?: readonly EventPattern<Events>[] | undefined;
  /** Whether it is a durable hook. @default {false} */
  readonly durable?: boolean | undefined;
  /** Handles an event after it is recorded, for example to fail. @default does nothing */
  handle?(event: EventOf<Events>, context: HandlerContext<Events>): HandlerResult;
};

/** One call of a `RecordingHook`. */
export type RecordedCall<Events extends object = AgentEvents> = {
  /** The event. */
  readonly event: EventOf<Events>;
  /** The second argument of `handle`, with fields such as `attempt`. */
  readonly context: HandlerContext<Events>;
};

/** Options of `RecordingHook.waitFor`. */
export type RecordingWaitOptions = {
  /** Stops waiting when it aborts, such as `AbortSignal.timeout(1000)`. @default waits without limit */
  readonly signal?: AbortSignal | undefined;
};

/** Characters of a payload in an error message. */
const MAX_SHOWN = 120;

/** A call with events of any type. */
type AnyCall = {
  readonly event: HookEvent;
  readonly context: { readonly attempt: number };
};

/**
 * A hook that records its calls, for tests of code that emits events.
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
 * @typeParam Events The events that it can receive
 */
export class RecordingHook<Events extends object = AgentEvents>
  implements Hook<EventOf<Events>, Events> {
  /** The name of the hook. */
  readonly name: string;
  /** The patterns that it subscribes to. */
  readonly events: readonly string[];
  /** Whether it is a durable hook. */
  readonly durable: boolean;

  // Private members don't mention `Events`: otherwise, a hook of few events couldn't be used where more are
  // known.
  readonly #calls: AnyCall[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #handle: ((event: never, context: never) => HandlerResult) | undefined;

  /**
   * Creates a hook without recorded calls. Name your own events: `new RecordingHook<Events>()`.
   *
   * @throws {TypeError} when an option is unknown or invalid
   */
  constructor(options: RecordingHookOptions<NoInfer<Events>> = {}) {
    const subject = "Cannot create recording hook";
    checkKnown(subject, options, ["name", "events", "durable", "handle"]);
    checkFunctions(subject, options, [], ["handle"]);
    this.name = options.name ?? "recorder";
    this.events = options.events ?? ["*"];
    this.durable = options.durable ?? false;
    this.#handle = options.handle?.bind(options);
  }

  /** Every call since the last `clear`, in order. */
  get calls(): readonly RecordedCall<Events>[] {
    return [...this.#calls] as unknown as readonly RecordedCall<Events>[];
  }

  /** Every event since the last `clear`, in order. */
  get recorded(): readonly EventOf<Events>[] {
    return this.calls.map(({ event }) => event);
  }

  /** The types of these events. */
  get types(): readonly EventType<Events>[] {
    return this.#calls.map(({ event }) => event.type as EventType<Events>);
  }

  /** Records an event. */
  handle(event: EventOf<Events>, context: HandlerContext<Events>): HandlerResult {
    this.#calls.push(Object.freeze<AnyCall>({ event, context }));
    for (const look of this.#waiting) look();
    return this.#handle?.(event as never, context as never);
  }

  /** Forgets all calls. A pending `waitFor` keeps waiting. */
  clear(): void {
    this.#calls.length = 0;
  }

  /**
   * Resolves to the first `count` events as soon as they are recorded.
   *
   * @throws {RangeError} when `count` isn't a positive whole number
   * @throws {ExpectationError} when the signal aborts first; `cause` is its reason
   */
  waitFor(count: number, options?: RecordingWaitOptions): Promise<readonly EventOf<Events>[]>;
  /**
   * Resolves to the first event that matches, at once if it is already recorded.
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
    checkKnown("Cannot wait for events", options, ["signal"]);
    if (typeof wanted === "object" && wanted !== null) {
      const matches = toPredicate(wanted);
      const find = () => this.#find(matches);
      return await this.#waitFor(find, describeMatcher(wanted), options.signal);
    }
    readCount("Cannot wait for events", "count", wanted);
    const find = () => this.#calls.length < wanted ? undefined : this.recorded.slice(0, wanted);
    return await this.#waitFor(find, `${wanted} events`, options.signal);
  }

  /**
   * Returns the first event that matches.
   *
   * @throws {ExpectationError} when no event matches
   */
  expect<const Pattern extends EventPattern<Events> = EventPattern<Events>>(
    matcher: EventMatcher<Events, Pattern>,
  ): EventOf<Events, Pattern> {
    const event = this.#find(toPredicate(matcher));
    if (event === undefined) throw this.#failure(`Expected ${describeMatcher(matcher)}`);
    return event as unknown as EventOf<Events, Pattern>;
  }

  /**
   * Expects the recorded events to have exactly these types, in this order.
   *
   * @throws {ExpectationError} when they don't
   */
  expectTypes(types: readonly EventType<Events>[]): void {
    const found = this.types;
    if (found.length === types.length && types.every((type, i) => type === found[i])) return;
    throw this.#failure(`Expected the types ${types.join(", ") || "of no event"}`);
  }

  /**
   * Expects that no event matches; without a matcher, that no event is recorded.
   *
   * @throws {ExpectationError} when an event matches
   */
  expectNone<const Pattern extends EventPattern<Events> = EventPattern<Events>>(
    matcher: EventMatcher<Events, Pattern> = {},
  ): void {
    if (this.#find(toPredicate(matcher)) === undefined) return;
    throw this.#failure(`Did not expect ${describeMatcher(matcher)}`);
  }

  #find(matches: (event: HookEvent) => boolean): HookEvent | undefined {
    return this.#calls.find(({ event }) => matches(event))?.event;
  }

  /** Resolves to what `find` returns, as soon as that isn't undefined. It is called again after each call. */
  #waitFor<Found>(
    find: () => Found | undefined,
    wanted: string,
    signal: AbortSignal | undefined,
  ): Promise<Found> {
    return new Promise<Found>((resolve, reject) => {
      const look = (): void => {
        try {
          const found = find();
          if (found !== undefined) end(() => resolve(found));
        } catch (error) { // of the caller's predicate: the hook itself must not fail
          end(() => reject(error));
        }
      };
      let unfollow = (): void => {};
      const end = (settle: () => void): void => {
        this.#waiting.delete(look);
        unfollow();
        settle();
      };
      this.#waiting.add(look);
      look();
      if (!signal || !this.#waiting.has(look)) return;
      const abort = (): void => {
        end(() => reject(this.#failure(`Gave up on ${wanted}`, signal.reason)));
      };
      unfollow = onAbort(signal, abort);
    });
  }

  /** Returns an error that shows all calls. */
  #failure(what: string, cause?: unknown): ExpectationError {
    const options = cause === undefined ? undefined : { cause };
    return new ExpectationError(`${what}\n${describeCalls(this.#calls)}`, options);
  }
}

/** Describes calls, one per line. */
function describeCalls(calls: readonly AnyCall[]): string {
  if (calls.length === 0) return "Nothing was recorded";
  const width = Math.max(...calls.map(({ event }) => event.type.length));
  const lines = calls.map(({ event, context }, i) => {
    const session = event.sessionId === undefined ? "" : `session ${event.sessionId} `;
    const run = event.runId === undefined ? "" : `run ${event.runId} `;
    const attempt = context.attempt > 1 ? `attempt ${context.attempt} ` : "";
    return `  ${i + 1}. ${event.type.padEnd(width)} ${session}${run}${attempt}${show(event.data)}`;
  });
  return ["Recorded:", ...lines].join("\n");
}

function describeMatcher(matcher: AnyMatcher): string {
  const fields = Object.entries(matcher).filter(([, value]) => value !== undefined);
  if (fields.length === 0) return "any event";
  return `an event with ${fields.map(([name, value]) => `${name} ${show(value)}`).join(", ")}`;
}

/** Formats a value on one line, truncated. */
function show(value: unknown): string {
  const text = toText(value);
  const more = text.length - MAX_SHOWN;
  return more > 0 ? `${text.slice(0, MAX_SHOWN)}… (${more} more characters)` : text;
}

function toText(value: unknown): string {
  if (typeof value === "function") return String(value).replaceAll(/\s+/g, " ");
  try {
    return JSON.stringify(value) ?? String(value);
  } catch (error) { // `dispatch` takes payloads that JSON can't represent
    return String(error);
  }
}
