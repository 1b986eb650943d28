import { attemptCause } from "../core/create_entry.ts";
import type { Attempt, Logger } from "../core/mod.ts";
import { consoleLogger, guarded, silentLogger } from "../core/reporter.ts";
import { type Clock, HOUR, MINUTE } from "../internal/clock.ts";
import { maskError } from "../internal/mask_error.ts";
import { maskUrls } from "../internal/mask_url.ts";
import type { Outcome } from "./records.ts";
import { truncate } from "../internal/truncate.ts";

/** Throttled lines that are remembered. Beyond that, those that are no longer throttled are forgotten. */
const MAX_THROTTLED = 200;

/** Logs to the logger of the outbox, else to that of the hooks that use it, else to the console. */
export class SharedLogger {
  /** The logger of the hooks that use the outbox. */
  host: Logger | undefined;
  readonly logger: Logger;

  constructor(own: Logger | false | undefined) {
    const to = (): Logger => own === false ? silentLogger : own ?? this.host ?? consoleLogger;
    this.logger = {
      debug: (...data) => to().debug(...data),
      info: (...data) => to().info(...data),
      warn: (...data) => to().warn(...data),
      error: (...data) => to().error(...data),
    };
  }
}

/** Logs each message once a minute, with how often it occurred: a store that fails, fails often. */
export class ThrottledLogger {
  /** Whether nothing is logged: after the outbox has stopped, its store may be closed. */
  isMuted = false;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #lines = new Map<string, { at: number; held: number }>();

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  /** Logs a warning, unless the same message was logged in the last minute. */
  warn(message: string, ...details: readonly unknown[]): void {
    if (this.isMuted) return;
    const now = this.#clock.now();
    const last = this.#lines.get(message);
    if (last !== undefined && Math.abs(now - last.at) < MINUTE) {
      last.held++;
      return;
    }
    const times = last !== undefined && last.held > 0 ? ` (and ${last.held} times before)` : "";
    forget(this.#lines, ({ at }) => Math.abs(now - at) >= MINUTE);
    this.#lines.set(message, { at: now, held: 0 });
    // A failing logger can't report its failure, and must not stop the work that it logs.
    guarded(() =>
      this.#logger.warn(`${message}${times}`, ...details.map((detail) => maskError(detail)))
    );
  }
}

/** A failed attempt that is retried within this, in milliseconds, is not logged. */
const SOON = MINUTE;
/** Deliveries that have been due for this long, in milliseconds, and that no process attempts, are logged. */
const OVERDUE = 10 * MINUTE;
const LAST_PAUSE = 6 * HOUR;
/**
 * Pauses between two lines of one kind about one target, in milliseconds; the last one repeats. A target
 * that is down for a day is logged eight times.
 */
const PAUSES = [MINUTE, 10 * MINUTE, HOUR, LAST_PAUSE];
/** After this long without failures, in milliseconds, the next one is news: twice what hourly jobs need. */
const CALM = 2 * HOUR;
/** Characters of a failure's text in a line. */
const MAX_TEXT = 500;

/** The messages. Stable: `hooks serve` leaves out the first one, because it logs each attempt. */
type Code =
  | "delivery_failed"
  | "delivery_dead"
  | "delivery_expired"
  | "target_disabled"
  | "target_not_registered"
  | "target_removed";

type Line = {
  readonly level: "warn" | "error";
  readonly code: Code;
  readonly target: string;
  readonly message: string;
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
};

type Throttle = { lines: number; at: number; seenAt: number; held: number; cause?: string };

/** An attempt that this process made, and what happens next. */
export type AttemptReport = {
  /** The webhook or durable hook. */
  readonly target: string;
  /** The event. */
  readonly eventId: string;
  /** The event's type. */
  readonly type: string;
  /** The attempt. */
  readonly attempt: Attempt;
  /** Which attempt it was; the first is 1. */
  readonly number: number;
  /** When the delivery is attempted again; absent when it isn't. */
  readonly retryAt?: Date;
};

/** Logs failing deliveries: a few lines about each target, no matter how many deliveries it has. */
export class DeliveryAlerts {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #onAttempt: ((report: AttemptReport) => void) | undefined;
  readonly #throttles = new Map<string, Throttle>();

  constructor(logger: Logger, clock: Clock, onAttempt?: (report: AttemptReport) => void) {
    this.#logger = logger;
    this.#clock = clock;
    this.#onAttempt = onAttempt;
  }

  /** Logs how a delivery was settled, if it failed for good or for longer than a minute. */
  settled(target: string, id: string, outcome: Outcome): void {
    this.#report(target, id, outcome);
    if (outcome.kind === "retry") {
      const { attempt, at, log } = outcome;
      if (at - this.#clock.now() <= SOON) return;
      const message = `A delivery to '${target}' failed: ${failureText(attempt.error)}. ` +
        `It is retried at ${timeText(at)}. ${hintFor(target, "attempted")}`;
      const fields = { event_id: id, attempts: log.made + 1 };
      const cause = attemptCause(attempt);
      this.#log({ level: "warn", code: "delivery_failed", target, message, fields, cause });
    } else if (outcome.kind === "dead") {
      const { attempt, log, reason, type } = outcome;
      const attempts = log.made + (attempt ? 1 : 0);
      const message = `A delivery to '${target}' is dead after ${attempts} attempt` +
        `${attempts === 1 ? "" : "s"}: ${failureText(reason)}. ${hintFor(target, "dead")}`;
      const fields = { event_id: id, ...(type === undefined ? {} : { type }), attempts };
      const cause = attempt && attemptCause(attempt);
      this.#log({ level: "error", code: "delivery_dead", target, message, fields, cause });
    } else if (outcome.kind === "expired") {
      const message =
        `A delivery to '${target}' expired: its event was deleted at the end of the ` +
        `'retention' before it was delivered, and is lost. See \`hooks targets\` or outbox.stats()`;
      const fields = { event_id: id, attempts: outcome.log.made };
      this.#log({ level: "error", code: "delivery_expired", target, message, fields });
    }
  }

  #report(target: string, eventId: string, outcome: Outcome): void {
    const onAttempt = this.#onAttempt;
    if (onAttempt === undefined || !("attempt" in outcome)) return;
    const { kind, attempt, log, type } = outcome;
    if (attempt === undefined || type === undefined) return;
    const retryAt = kind === "retry" ? { retryAt: new Date(outcome.at) } : {};
    guarded(() => onAttempt({ target, eventId, type, attempt, number: log.made + 1, ...retryAt }));
  }

  /** Logs that a target was turned off, not by hand. */
  disabled(target: string, reason: string): void {
    const message = `Target '${target}' is disabled: ${reason}. Turn it on with ` +
      `\`hooks targets enable ${target}\` or outbox.enable(${JSON.stringify(target)})`;
    this.#log({ level: "error", code: "target_disabled", target, message });
  }

  /** Logs deliveries that have waited long for a target that is not registered in this process. */
  unregistered(target: string, dueAt: number): void {
    if (this.#clock.now() - dueAt < OVERDUE) return;
    const message =
      `Deliveries to '${target}' are due since ${timeText(dueAt)}, but no webhook or ` +
      `durable hook of this process has that name. Register it, or forget it with ` +
      `outbox.remove(${JSON.stringify(target)}). ${hintFor(target, "pending")}`;
    this.#log({ level: "warn", code: "target_not_registered", target, message });
  }

  /** Logs that deliveries are held, disabled or without a target, for longer than their events are kept. */
  overdue(target: string, dueAt: number, retention: number): void {
    if (this.#clock.now() - dueAt < retention) return;
    const message =
      `Deliveries to '${target}' expired while they were held: their events were deleted ` +
      "at the end of the 'retention', and are lost. See `hooks targets` or outbox.stats()";
    this.#log({ level: "error", code: "delivery_expired", target, message });
  }

  /** Logs that deliveries to a target were deleted, because it had been removed. */
  removed(target: string): void {
    const message =
      `Deliveries to '${target}' were deleted, as it was removed with outbox.remove(): ` +
      "give the webhook or durable hook that has its name another one";
    this.#log({ level: "warn", code: "target_removed", target, message });
  }

  #log({ level, code, target, message, fields, cause }: Line): void {
    const throttle = this.#enter(`${code} ${target}`);
    if (throttle === undefined) return;
    const { held } = throttle;
    const more = held > 0 ? ` (${held} more since the last such line)` : "";
    throttle.held = 0;
    const details: unknown[] = [{ code, target, ...fields, ...(held > 0 ? { held } : {}) }];
    const stack = cause instanceof Error ? cause.stack ?? cause.message : undefined;
    if (stack !== undefined && stack !== throttle.cause) details.push(maskError(cause));
    if (stack !== undefined) throttle.cause = stack;
    // A failing logger can't report its failure, and must not stop the delivery that it logs.
    guarded(() => this.#logger[level](`${message}${more}`, ...details));
  }

  /** Returns the state of a kind of line, if one may be written now. */
  #enter(name: string): Throttle | undefined {
    const now = this.#clock.now();
    const known = this.#throttles.get(name);
    const pause = PAUSES[Math.min(known?.lines ?? 1, PAUSES.length) - 1]!;
    // After a longer pause, it is news again.
    const isNews = known === undefined || Math.abs(now - known.seenAt) > Math.max(pause, CALM);
    if (isNews) {
      const throttle = { lines: 1, at: now, seenAt: now, held: known?.held ?? 0 };
      forget(this.#throttles, ({ seenAt }) => Math.abs(now - seenAt) > LAST_PAUSE);
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

/**
 * Forgets lines that are no longer throttled, once there are many: lines name numbers, and targets that may
 * be long gone.
 */
function forget<Entry>(entries: Map<string, Entry>, isOver: (entry: Entry) => boolean): void {
  if (entries.size < MAX_THROTTLED) return;
  for (const [name, entry] of entries) if (isOver(entry)) entries.delete(name);
}

function failureText(text = "it failed without a reason"): string {
  return truncate(maskUrls(text).replace(/\s+/g, " "), MAX_TEXT);
}

function timeText(time: number): string {
  return new Date(time).toISOString();
}

/** Names the command and the call that show more. */
function hintFor(target: string, state: "attempted" | "dead" | "pending"): string {
  return `See \`hooks deliveries ${target} --state ${state}\` or ` +
    `outbox.listDeliveries({ target: ${JSON.stringify(target)}, state: "${state}" })`;
}
