import type { Logger } from "../../core/mod.ts";
import { DAY } from "../../internal/clock.ts";
import { maskUrls } from "../../internal/mask_url.ts";
import type { AttemptReport } from "../../outbox/mod.ts";
import { outcomeOf } from "../delivery.ts";
import type { CommandIO } from "../io.ts";
import { formatTime, printable, type Style, styleOf } from "../output.ts";

type Level = "info" | "warn" | "error";

type Fields = Readonly<Record<string, unknown>>;

/** A retry that is further away than this, in milliseconds, is shown as a time of day. */
const SOON = 60_000;
/** A retry that is further away than this, in milliseconds, is shown with its date. */

/** The log of `hooks serve` on standard error: one line per entry, or one JSON object. */
export class Log {
  readonly #io: CommandIO;
  readonly #json: boolean;
  readonly #style: Style;
  /** The logger of the app, the outbox and the hooks. */
  readonly logger: Logger = {
    debug: () => {},
    info: (...data) => this.#entry("info", data),
    warn: (...data) => {
      // `attempt` logs each failed attempt with its reason.
      if (!isFailedAttempt(data)) this.#entry("warn", data);
    },
    error: (...data) => this.#entry("error", data),
  };

  constructor(io: CommandIO, json: boolean) {
    this.#io = io;
    this.#json = json;
    this.#style = styleOf(io, io.stderr);
  }

  /** Logs a message. */
  info(message: string, fields: Fields = {}): void {
    this.#write("info", message, fields);
  }

  /** Logs a warning. */
  warn(message: string, fields: Fields = {}): void {
    this.#write("warn", message, fields);
  }

  /** Logs an attempt, and when the delivery is retried. */
  attempt({ target, eventId, type, attempt, number, retryAt }: AttemptReport): void {
    const { verdict, status, error, duration } = attempt;
    const level = verdict === "delivered" ? "info" : "warn";
    const took = Math.round(duration);
    if (this.#json) {
      return this.#write(level, "delivery", {
        target,
        event: eventId,
        type,
        verdict,
        attempt: number,
        ...(status === undefined ? {} : { status }),
        ...(error === undefined ? {} : { error }),
        ...(retryAt === undefined ? {} : { retry_at: retryAt.toISOString() }),
        duration_ms: took,
      });
    }
    const next = retryAt !== undefined
      ? `, ${this.#formatRetry(retryAt)}`
      : verdict === "retry"
      ? ", no retries left"
      : "";
    const outcome = `${outcomeOf(attempt)}${next} (took ${took} ms)`;
    const reason = error === undefined ? {} : { reason: error };
    this.#write(level, `${type} ${eventId} to ${target}: ${outcome}`, reason);
  }

  #formatRetry(at: Date): string {
    const wait = at.getTime() - this.#io.now();
    if (wait < SOON) return `retry in ${Math.max(0, Math.ceil(wait / 1000))} s`;
    const time = at.toISOString();
    return `retry at ${wait < DAY ? time.slice(11, 19) : formatTime(time)}`;
  }

  #entry(level: Level, [message, detail]: readonly unknown[]): void {
    if (message === "request" && !this.#json) {
      const { method, path, status, duration_ms, id: _, ...rest } = detail as Fields;
      const text = `${method} ${path} ${status} in ${Math.round(Number(duration_ms))} ms`;
      return this.#write(level, text, rest);
    }
    this.#write(level, String(message), fieldsOf(detail));
  }

  #write(level: Level, message: string, fields: Fields): void {
    const { stderr } = this.#io;
    const time = new Date(this.#io.now()).toISOString();
    const masked = Object.entries(fields).map(([name, value]) =>
      [name, typeof value === "string" ? maskUrls(value) : value] as const
    );
    const text = maskUrls(message);
    if (this.#json) {
      const entry = { time, level, message: text, ...Object.fromEntries(masked) };
      stderr.write(`${JSON.stringify(entry)}\n`);
      return;
    }
    const { dim, yellow, red } = this.#style;
    const color = { info: (text: string) => text, warn: yellow, error: red }[level];
    // A message of several lines is a report, which is printable already.
    const safe = text.includes("\n") ? text : printable(text);
    const details = masked.map(([name, value]) =>
      `${dim(`${name}=`)}${printable(typeof value === "string" ? value : JSON.stringify(value))}`
    );
    stderr.write(`${[dim(time.slice(11, 23)), color(safe), ...details].join(" ")}\n`);
  }
}

/** Returns whether the outbox logs an attempt that failed and is retried. */
function isFailedAttempt([, detail]: readonly unknown[]): boolean {
  return (detail as { readonly code?: unknown } | undefined)?.code === "delivery_failed";
}

function fieldsOf(detail: unknown): Fields {
  if (detail === undefined) return {};
  if (detail instanceof Error) return { error: messagesOf(detail) };
  return typeof detail === "object" && detail !== null ? detail as Fields : { detail };
}

/** Joins the messages of an error and its causes: that a disk is full is in a cause. */
function messagesOf(error: Error): string {
  const messages: string[] = [];
  for (let at: unknown = error; at instanceof Error && messages.length < 5; at = at.cause) {
    const { message } = at;
    if (!messages.some((earlier) => earlier.includes(message))) messages.push(message);
  }
  return messages.join(": ");
}
