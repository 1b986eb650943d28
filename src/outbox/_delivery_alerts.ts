import { attemptCause } from "../core/attempt_cause.ts";
import { guarded } from "../core/reporter.ts";
import { maskError } from "../internal/mask_error.ts";
import { maskUrls } from "../internal/mask_url.ts";
import type { Logger } from "../core/mod.ts";
import { beginningOf } from "./_beginning.ts";
import type { Env } from "./_env.ts";
import type { Job, Settlement } from "./_lease.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A failed attempt that is retried sooner than this, in milliseconds, is not logged. */
const SOON = MINUTE;
/** A delivery that is due for so long and that no process of its target attempts, in milliseconds. */
const OVERDUE = 10 * MINUTE;
/**
 * Pauses between two lines of one kind about one target, in milliseconds; the last one repeats. A target that
 * is down for a day is logged eight times.
 */
const PAUSES = [MINUTE, 10 * MINUTE, HOUR, 6 * HOUR];
/** After this long without failures, in milliseconds, the next one is news: twice what hourly jobs need. */
const CALM = 2 * HOUR;
/** Characters of a failure's text that a line shows. */
const LONGEST = 500;

/** What is logged, stable: `hooks serve` leaves out the first, as it logs each attempt. */
type Code =
  | "delivery_failed"
  | "delivery_dead"
  | "delivery_expired"
  | "target_disabled"
  | "target_not_registered"
  | "target_removed";

type Fields = Readonly<Record<string, unknown>>;

type Throttle = { lines: number; at: number; seenAt: number; held: number; cause?: string };

/** Logs what goes wrong with deliveries: a few lines about each target, however many deliveries it has. */
export class DeliveryAlerts {
  readonly #logger: Logger;
  readonly #env: Env;
  readonly #throttles = new Map<string, Throttle>();

  constructor(logger: Logger, env: Env) {
    this.#logger = logger;
    this.#env = env;
  }

  /** Logs how a delivery was settled, if it failed for good or for longer than a minute. */
  settled({ lease: { target }, id }: Job, settlement: Settlement): void {
    if (settlement.kind === "retry") {
      const { attempt, at, log } = settlement;
      if (at - this.#env.now() <= SOON) return;
      const message = `A delivery to '${target}' failed: ${failureText(attempt.error)}. ` +
        `It is retried at ${timeText(at)}. ${hintFor(target, "attempted")}`;
      const fields = { event_id: id, attempts: log.made + 1 };
      this.#log("warn", "delivery_failed", target, message, fields, attemptCause(attempt));
    } else if (settlement.kind === "dead") {
      const { attempt, log, reason, type } = settlement;
      const attempts = log.made + (attempt ? 1 : 0);
      const message = `A delivery to '${target}' is dead after ${attempts} attempt` +
        `${attempts === 1 ? "" : "s"}: ${failureText(reason)}. ${hintFor(target, "dead")}`;
      const fields = { event_id: id, ...(type === undefined ? {} : { type }), attempts };
      this.#log(
        "error",
        "delivery_dead",
        target,
        message,
        fields,
        attempt && attemptCause(attempt),
      );
    } else if (settlement.kind === "expired") {
      const message =
        `A delivery to '${target}' expired: its event was deleted at the end of the ` +
        `'retention' before it was delivered, and is lost. See \`hooks targets\` or outbox.stats()`;
      this.#log("error", "delivery_expired", target, message, {
        event_id: id,
        attempts: settlement.log.made,
      });
    }
  }

  /** Logs that a target was turned off, not by hand. */
  disabled(target: string, reason: string): void {
    const message = `Target '${target}' is disabled: ${reason}. Turn it on with ` +
      `\`hooks targets enable ${target}\` or outbox.enable(${JSON.stringify(target)})`;
    this.#log("error", "target_disabled", target, message);
  }

  /** Logs deliveries that have waited long for a target that is not registered in this process. */
  unregistered(target: string, dueAt: number): void {
    if (this.#env.now() - dueAt < OVERDUE) return;
    const message =
      `Deliveries to '${target}' are due since ${timeText(dueAt)}, but no webhook or ` +
      `durable hook of this process has that name. Register it, or forget it with ` +
      `outbox.remove(${JSON.stringify(target)}). ${hintFor(target, "pending")}`;
    this.#log("warn", "target_not_registered", target, message);
  }

  /** Logs that deliveries are held, disabled or without a target, for longer than their events are kept. */
  overdue(target: string, dueAt: number, retention: number): void {
    if (this.#env.now() - dueAt < retention) return;
    const message =
      `Deliveries to '${target}' expired while they were held: their events were deleted ` +
      "at the end of the 'retention', and are lost. See `hooks targets` or outbox.stats()";
    this.#log("error", "delivery_expired", target, message);
  }

  /** Logs that deliveries to a target were deleted, as it was removed before. */
  removed(target: string): void {
    const message =
      `Deliveries to '${target}' were deleted, as it was removed with outbox.remove(): ` +
      "give the webhook or durable hook that has its name another one";
    this.#log("warn", "target_removed", target, message);
  }

  #log(
    level: "warn" | "error",
    code: Code,
    target: string,
    message: string,
    fields: Fields = {},
    cause?: unknown,
  ): void {
    const throttle = this.#enter(code, target);
    if (throttle === undefined) return;
    const { held } = throttle;
    const more = held > 0 ? ` (${held} more since the last such line)` : "";
    throttle.held = 0;
    const details: unknown[] = [{ code, target, ...fields, ...(held > 0 ? { held } : {}) }];
    const stack = cause instanceof Error ? cause.stack ?? cause.message : undefined;
    if (stack !== undefined && stack !== throttle.cause) details.push(maskError(cause));
    if (stack !== undefined) throttle.cause = stack;
    // A failing logger can't report its failure, and must not stop the delivery it logs.
    guarded(() => this.#logger[level](`${message}${more}`, ...details));
  }

  /** What is known of a kind of line, if one may be written now. */
  #enter(code: Code, target: string): Throttle | undefined {
    const now = this.#env.now();
    const name = `${code} ${target}`;
    const known = this.#throttles.get(name);
    const pause = PAUSES[Math.min(known?.lines ?? 1, PAUSES.length) - 1]!;
    // Quiet for longer than that: it is news again.
    const isNews = known === undefined || Math.abs(now - known.seenAt) > Math.max(pause, CALM);
    if (isNews) {
      const throttle = { lines: 1, at: now, seenAt: now, held: known?.held ?? 0 };
      this.#throttles.set(name, throttle);
      return throttle;
    }
    known.seenAt = now;
    if (Math.abs(now - known.at) < pause) {
      known.held++;
      return undefined;
    }
    known.lines++;
    known.at = now;
    return known;
  }
}

function failureText(text = "it failed without a reason"): string {
  return beginningOf(maskUrls(text).replace(/\s+/g, " "), LONGEST);
}

function timeText(time: number): string {
  return new Date(time).toISOString();
}

/** What shows more: the command, and the call. */
function hintFor(target: string, state: "attempted" | "dead" | "pending"): string {
  return `See \`hooks deliveries ${target} --state ${state}\` or ` +
    `outbox.listDeliveries({ target: ${JSON.stringify(target)}, state: "${state}" })`;
}
