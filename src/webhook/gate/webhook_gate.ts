import type { GateContext, HookEvent, Logger, Verdict } from "../../core/mod.ts";
import { guarded } from "../../core/reporter.ts";
import { abortable, Semaphore } from "../../internal/async.ts";
import { readCount } from "../../internal/options.ts";
import { compileFilter } from "../filter.ts";
import { DEFAULT_CONCURRENCY, WEBHOOK_LIMITS } from "../limits.ts";
import { isReadable } from "../request_rules.ts";
import { exchange } from "./exchange.ts";
import { type CheckedGate, checkGateOptions, type WebhookGateOptions } from "./options.ts";

/**
 * A gate over HTTP: sends each event as a signed POST, and decides as the response says. Nothing is queued,
 * and anything but a well-formed verdict in time is a failure, which denies unless `onFailure` says
 * otherwise. `gateReceiver` is the other side. Its URL, headers and secrets can't be read from it.
 *
 * ```ts
 * import { createHooks } from "@omniagent/hooks";
 * import { deny } from "@omniagent/hooks/gates";
 * import { gateReceiver, generateSecret, WebhookGate } from "@omniagent/hooks/webhook";
 *
 * const secret = generateSecret();
 * const receive = gateReceiver((event) => deny(`${event.type} is not allowed`), { secret });
 *
 * const hooks = createHooks();
 * hooks.use(
 *   new WebhookGate({
 *     name: "policy",
 *     events: ["tool.called"],
 *     url: "https://policy.example.com/",
 *     secret,
 *     fetch: async (input, init) => await receive(new Request(input, init)), // no network in this example
 *   }),
 * );
 * const decision = await hooks.decide("tool.called", { name: "bash" });
 * console.log(decision.reason); // tool.called is not allowed
 * await hooks.close();
 * ```
 */
export class WebhookGate {
  /** Unique among gates. */
  readonly name: string;
  /** The patterns of the events that it decides about. */
  readonly events: readonly string[];
  /** Whether it judges or rewrites. */
  readonly kind: "check" | "rewrite";
  /** Its place among rewrites. */
  readonly priority: number | undefined;
  /** Limit of one call, in milliseconds. */
  readonly timeout: number;
  /** How to treat a failure. */
  readonly onFailure: "deny" | "ask" | "allow" | undefined;
  /** Whether its verdict is applied. */
  readonly mode: "enforce" | "shadow" | undefined;
  readonly #gate: CheckedGate;
  readonly #filter: (event: HookEvent) => boolean;
  readonly #semaphore: Semaphore;
  #warned = false;

  /**
   * Creates a gate. Error messages contain no secret.
   *
   * @throws {TypeError | RangeError} when an option is invalid
   * @throws {WebhookVerificationError} when a secret is invalid
   */
  constructor(options: WebhookGateOptions) {
    this.#gate = checkGateOptions(options);
    const { name, events, kind, timeout } = this.#gate;
    const { priority, onFailure, mode, concurrency = DEFAULT_CONCURRENCY } = options;
    const subject = `Cannot create gate '${name}'`;
    this.name = name;
    this.events = events;
    this.kind = kind;
    this.priority = priority;
    this.timeout = timeout;
    this.onFailure = onFailure;
    this.mode = mode;
    this.#filter = compileFilter(subject, options.filter);
    this.#semaphore = new Semaphore(
      readCount(subject, "concurrency", concurrency, WEBHOOK_LIMITS.concurrency),
    );
  }

  /** Returns whether its `filter` matches an event. Other events are not sent. */
  filter(event: HookEvent): boolean {
    return this.#filter(event);
  }

  /**
   * Asks about an event, as soon as fewer than `concurrency` requests are running.
   *
   * @returns The verdict; undefined for no opinion
   * @throws {GateError} when the response is anything else, or none came
   */
  async handle(event: HookEvent, context: GateContext): Promise<Verdict | undefined> {
    const { signal, logger, decisionId, final } = context;
    const traceparent = context.traceparent ?? event.traceparent; // of the span that is active now
    if (!this.#warned) this.#warn(logger);
    return await this.#semaphore.run(
      () =>
        abortable(exchange(this.#gate, event, { signal, decisionId, final, traceparent }), signal),
      signal,
    );
  }

  #warn(logger: Logger): void {
    this.#warned = true;
    if (!isReadable(this.#gate.url)) return;
    const message =
      `Gate '${this.name}' sends over plain http: anyone on the network path can read it, and decide`;
    guarded(() => logger.warn(message));
  }
}
