import { maskUrls } from "../../internal/mask_url.ts";
import type { Attempt, HookEvent, Logger } from "../../core/mod.ts";
import type { CommandIO } from "../io.ts";
import { printable, type Style, styleOf } from "../style.ts";

/** What `hooks serve` says while it runs: a line each, or a JSON object each. */
export class Log {
  readonly #io: CommandIO;
  readonly #json: boolean;
  readonly #style: Style;
  /** For what logs by itself: the app, the outbox, the hooks. */
  readonly logger: Logger = {
    debug: () => {},
    info: (...data) => this.#entry("info", data),
    // `attempt` has a line for each one that failed.
    warn: (...data) => isFailedAttempt(data) || this.#entry("warn", data),
    error: (...data) => this.#entry("error", data),
  };

  /** Writes to standard error. */
  constructor(io: CommandIO, json: boolean) {
    this.#io = io;
    this.#json = json;
    this.#style = styleOf(io, io.stderr);
  }

  /** Says something. */
  say(message: string, fields: Fields = {}): void {
    this.#write("info", message, fields);
  }

  /** Says what is wrong. */
  warn(message: string, fields: Fields = {}): void {
    this.#write("warn", message, fields);
  }

  /** Tells of an attempt at a delivery. */
  attempt(target: string, event: HookEvent, attempt: Attempt): void {
    const { verdict, status, error, duration } = attempt;
    this.#write(verdict === "delivered" ? "info" : "warn", "delivery", {
      target,
      event: event.id,
      type: event.type,
      verdict,
      ...(status === undefined ? {} : { status }),
      ...(error === undefined ? {} : { error }),
      duration_ms: Math.round(duration),
    });
  }

  #entry(level: "info" | "warn" | "error", [message, detail]: readonly unknown[]): void {
    const fields = detail instanceof Error
      ? { error: messagesOf(detail) }
      : typeof detail === "object" && detail !== null
      ? detail as Fields
      : detail === undefined
      ? {}
      : { detail };
    this.#write(level, String(message), fields);
  }

  #write(level: string, message: string, fields: Fields): void {
    this.#writeMasked(level, maskUrls(message), masked(fields));
  }

  #writeMasked(level: string, message: string, fields: Fields): void {
    const time = new Date(this.#io.now()).toISOString();
    const { stderr } = this.#io;
    if (this.#json) return stderr.write(`${JSON.stringify({ time, level, message, ...fields })}\n`);
    const { dim, yellow, red } = this.#style;
    const paint = level === "warn" ? yellow : level === "error" ? red : (text: string) => text;
    const [text, rest] = inWords(message, fields);
    const details = Object.entries(rest).map(([name, value]) =>
      `${dim(`${name}=`)}${printable(typeof value === "string" ? value : JSON.stringify(value))}`
    );
    stderr.write(`${[dim(time.slice(11, 23)), paint(text), ...details].join(" ")}\n`);
  }
}

/** What an error says, and then what caused it: that a disk is full stands in a cause. */
function messagesOf(error: Error): string {
  const messages: string[] = [];
  for (let at: unknown = error; at instanceof Error && messages.length < 5; at = at.cause) {
    if (!messages.some((message) => message.includes((at as Error).message))) {
      messages.push(at.message);
    }
  }
  return messages.join(": ");
}

/** Whether the outbox logs an attempt that failed and is retried. */
function isFailedAttempt([, detail]: readonly unknown[]): boolean {
  return (detail as { readonly code?: unknown } | undefined)?.code === "delivery_failed";
}

/** Fields without the secrets of the URLs in them. */
function masked(fields: Fields): Fields {
  const entries = Object.entries(fields).map(([name, value]) =>
    [name, typeof value === "string" ? maskUrls(value) : value] as const
  );
  return Object.fromEntries(entries);
}

type Fields = Readonly<Record<string, unknown>>;

/** What happens all the time, in fewer words: a request, an attempt. */
function inWords(message: string, fields: Fields): readonly [text: string, rest: Fields] {
  if (message === "request") {
    const { id: _, method, path, status, duration_ms, ...rest } = fields;
    return [`${method} ${path} ${status} in ${Math.round(Number(duration_ms))} ms`, rest];
  }
  if (message === "delivery") {
    const { target, event, type, verdict, status, duration_ms, ...rest } = fields;
    const answer = status === undefined ? "" : `${status} `;
    return [`${type} ${event} to ${target}: ${answer}${verdict} (took ${duration_ms} ms)`, rest];
  }
  // A report of faults has lines, and was made safe where it was made.
  return [message.includes("\n") ? message : printable(message), fields];
}
