import type { Attempt, HookEvent, Logger } from "../core/mod.ts";
import type { Telemetry } from "../core/telemetry.ts";
import { tracedAttempt } from "../core/recorder.ts";
import { MAX_DURATION } from "../internal/limits.ts";
import { MAX_CLAIMS, MAX_RETRY_AFTER } from "./limits.ts";
import { type DeliveryRecord, MAX_REASON_LENGTH, NEW_LOG, type Outcome } from "./records.ts";
import { truncate } from "../internal/truncate.ts";
import type { LoadedDelivery, StoreClient } from "./store_client.ts";
import type { TargetStates } from "./target_state.ts";
import type { FlowControl } from "./flow_control.ts";
import type { FreshEvent, Job, Lease, Targets } from "./targets.ts";
import { START_MARGIN } from "./timeouts.ts";

/** The delay for a custom retry policy that returned none, in milliseconds. */
const UNKNOWN_DELAY = 60_000;

/** Dependencies of attempts. */
type AttempterOptions = {
  readonly client: StoreClient;
  readonly targets: Targets;
  readonly states: TargetStates;
  readonly flowControl: FlowControl;
  readonly logger: Logger;
  readonly telemetry: () => Telemetry;
};

/** Attempts leased deliveries. */
export class Attempter {
  readonly #options: AttempterOptions;

  constructor(options: AttempterOptions) {
    this.#options = options;
  }

  /** Returns the delivery that a lease is about: its own, or the first of its session. */
  async jobOf(lease: Lease, fresh: FreshEvent | undefined): Promise<Job> {
    const { target, session, id } = lease;
    if (session === undefined) return { lease, id: id! };
    const head = fresh
      ? { n: 0, id: fresh.event.id, more: fresh.more, versionstamp: fresh.versionstamp }
      : await this.#options.client.readSessionHead(target, session);
    return { lease, id: head.id, head };
  }

  /** Attempts a delivery, if there is still something to attempt. */
  async attempt(job: Job, fresh: HookEvent | undefined, signal: AbortSignal): Promise<Outcome> {
    const { client: { clock }, targets, states, logger, flowControl, telemetry } = this.#options;
    const { lease: { target, registered, due }, head } = job;
    if (head && head.n === undefined) return { kind: "empty" };
    const { event, log } = await this.#load(job, fresh);
    if (event === "expired") return { kind: "expired", log };
    if (event === "unreadable") return { kind: "dead", log, reason: "unreadable" };
    const { type } = event;
    if (due.claims > MAX_CLAIMS) {
      const reason = "lost lease: the outcome of its attempts is unknown";
      return { kind: "dead", log, reason, type };
    }
    // mutant: target-is-on
    if ((await states.status(registered)).state !== "on") return { kind: "returned" };
    const latest = due.until - registered.target.timeout - START_MARGIN - flowControl.settleTime;
    // mutant: lease-time-left
    const isLate = clock.now() >= latest;
    if (isLate || signal.aborted) return { kind: "returned" };
    // It has been unregistered since: another target may have its name.
    if (targets.get(target) !== registered) return { kind: "returned" };
    const context = { attempt: log.made + 1, signal, logger };
    const attempt = await tracedAttempt(telemetry(), registered.target, event, context);
    if (signal.aborted && attempt.verdict !== "delivered") return { kind: "returned" };
    const isHeld = await states.note(registered, attempt, type);
    if (isHeld) return { kind: "retry", attempt, log, at: job.lease.at, type };
    return this.#outcomeOf(attempt, log, job, type);
  }

  #load({ lease: { target }, id }: Job, fresh: HookEvent | undefined): Promise<LoadedDelivery> {
    if (fresh) return Promise.resolve({ event: fresh, log: NEW_LOG });
    return this.#options.client.loadDelivery(target, id);
  }

  #outcomeOf(
    attempt: Attempt,
    log: DeliveryRecord,
    { lease: { registered: { target } } }: Job,
    type: string,
  ): Outcome {
    const { clock } = this.#options.client;
    if (attempt.verdict === "delivered") return { kind: "delivered", attempt, log, type };
    const reason = truncate(attempt.error ?? attempt.verdict, MAX_REASON_LENGTH);
    const delay = attempt.verdict === "final"
      ? undefined
      : target.retry.delay(log.made - (log.base ?? 0) + 1, clock.random());
    if (delay === undefined) return { kind: "dead", attempt, log, reason, type };
    const asked = Math.min(wholeFrom(attempt.retryAfter, 0), MAX_RETRY_AFTER);
    const wait = Math.min(wholeFrom(delay, UNKNOWN_DELAY), MAX_DURATION);
    return { kind: "retry", attempt, log, at: clock.now() + Math.max(wait, asked), type };
  }
}

/** Returns a time in whole milliseconds, as it is stored: a custom retry policy may return anything. */
function wholeFrom(value: unknown, otherwise: number): number {
  if (typeof value !== "number" || Number.isNaN(value)) return otherwise;
  return Math.max(0, Math.round(value));
}
