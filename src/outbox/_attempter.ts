import { MAX_DURATION } from "../internal/options.ts";
import type { Attempt, HookEvent, Logger } from "../core/mod.ts";
import type { Store } from "../store/mod.ts";
import { beginningOf, LONGEST_REASON } from "./_beginning.ts";
import { MAX_CLAIMS } from "./_claimer.ts";
import type { Endpoints } from "./_endpoints.ts";
import type { Env } from "./_env.ts";
import type { Keys } from "./_keys.ts";
import { readHead } from "./_lanes.ts";
import type { Job, Lease, Settlement } from "./_lease.ts";
import { loadDelivery, type Loaded, NEW_LOG } from "./_reader.ts";
import type { DeliveryLog } from "./_records.ts";
import type { Settler } from "./_settler.ts";
import type { Targets } from "./_targets.ts";

/** An attempt starts only while its lease has this left beyond its timeout, in milliseconds. */
const START_MARGIN = 5_000;
/** A receiver's `Retry-After` moves a delivery by so much at most, in milliseconds. */
const MAX_RETRY_AFTER = 24 * 60 * 60 * 1000;

/** The delay for a retry policy of someone's own that returned none, in milliseconds. */
const UNKNOWN_DELAY = 60_000;

/** What attempts are made with. */
export type AttempterOptions = {
  readonly store: Store;
  readonly keys: Keys;
  readonly env: Env;
  readonly targets: Targets;
  readonly endpoints: Endpoints;
  readonly settler: Settler;
  readonly logger: Logger;
};

/** An event that need not be read, and the commit that stored it. */
export type Fresh = {
  readonly event: HookEvent;
  readonly versionstamp: string;
  /** Whether others of its lane were stored by it. */
  readonly more: boolean;
};

/** Makes of a lease what it is about, and of an attempt what is to be written. */
export class Attempter {
  readonly #options: AttempterOptions;

  constructor(options: AttempterOptions) {
    this.#options = options;
  }

  /** What a leased due key stands for. */
  async jobOf(lease: Lease, fresh: Fresh | undefined): Promise<Job> {
    const { store, keys, env } = this.#options;
    const { target, session, id } = lease;
    if (session === undefined) return { lease, id: id! };
    const lane = fresh
      ? { n: 0, id: fresh.event.id, more: fresh.more, versionstamp: fresh.versionstamp }
      : await readHead(store, keys, target, session, env);
    return { lease, id: lane.id, lane };
  }

  /** Attempts a delivery, if there is still something to attempt. */
  async attempt(job: Job, known: HookEvent | undefined, signal: AbortSignal): Promise<Settlement> {
    const { env, targets, endpoints, logger, settler } = this.#options;
    const { lease: { target, slot, due }, lane } = job;
    if (lane && lane.n === undefined) return { kind: "empty" };
    const { event, log } = await this.#load(job, known);
    if (event === "expired") return { kind: "expired", log };
    if (event === "unreadable") return { kind: "dead", log, reason: "unreadable" };
    const { type } = event;
    if (due.claims > MAX_CLAIMS) {
      const reason = "lost lease: the outcome of its attempts is unknown";
      return { kind: "dead", log, reason, type };
    }
    if ((await endpoints.standing(slot)).state !== "on") return { kind: "returned" };
    const margin = START_MARGIN + settler.timeFor(settler.backlog);
    const late = env.now() >= due.until - slot.target.timeout - margin;
    if (late || signal.aborted) return { kind: "returned" };
    // Unregistered since it was leased: another may have its name.
    if (targets.get(target) !== slot) return { kind: "returned" };
    const attempt = await slot.target.attempt(event, { attempt: log.made + 1, signal, logger });
    if (signal.aborted && attempt.verdict !== "delivered") return { kind: "returned" };
    const held = await endpoints.note(slot, attempt, type);
    if (held) return { kind: "retry", attempt, log, at: job.lease.at };
    return this.#judge(attempt, log, job, type);
  }

  #load({ lease: { target }, id }: Job, known: HookEvent | undefined): Promise<Loaded> {
    const { store, keys, env } = this.#options;
    if (known) return Promise.resolve({ event: known, log: NEW_LOG });
    return loadDelivery(store, keys, target, id, env);
  }

  #judge(attempt: Attempt, log: DeliveryLog, { lease: { slot } }: Job, type: string): Settlement {
    const { env } = this.#options;
    if (attempt.verdict === "delivered") return { kind: "delivered", attempt, log };
    const reason = beginningOf(attempt.error ?? attempt.verdict, LONGEST_REASON);
    const delay = attempt.verdict === "final"
      ? undefined
      : slot.target.retry.delay(log.made - (log.base ?? 0) + 1, env.random());
    if (delay === undefined) return { kind: "dead", attempt, log, reason, type };
    const asked = Math.min(wholeFrom(attempt.retryAfter, 0), MAX_RETRY_AFTER);
    const wait = Math.min(wholeFrom(delay, UNKNOWN_DELAY), MAX_DURATION);
    return { kind: "retry", attempt, log, at: env.now() + Math.max(wait, asked) };
  }
}

/** A time that is written to the store, in whole milliseconds: what a user's code returned may be anything. */
function wholeFrom(value: unknown, otherwise: number): number {
  if (typeof value !== "number" || Number.isNaN(value)) return otherwise;
  return Math.max(0, Math.round(value));
}
