/**
 * What the command prints: colors, widths, safe text, times, progress and events.
 * @module
 */
import { INVISIBLE, showInvisible } from "../internal/json_text.ts";
import type { HookEvent } from "../core/mod.ts";
import type { CommandIO, CommandOutput } from "./io.ts";

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

/** Colors text, or returns it unchanged where colors are off. */
export type Style = Readonly<Record<keyof typeof CODES, (text: string) => string>>;

/** Returns the style of a stream. */
export function styleOf(io: Pick<CommandIO, "env">, output: CommandOutput): Style {
  const colored = hasColors(io, output);
  const entries = Object.entries(CODES).map(([name, code]) => [
    name,
    (text: string) => colored ? `\x1b[${code}m${text}\x1b[0m` : text,
  ]);
  return Object.fromEntries(entries) as Style;
}

/** Returns whether a stream gets colors: a terminal, unless `NO_COLOR` is set (https://no-color.org). */
export function hasColors(io: Pick<CommandIO, "env">, output: CommandOutput): boolean {
  return output.isTerminal && !io.env("NO_COLOR");
}

/**
 * Returns text from elsewhere in a form that is safe to print: characters that could move the cursor,
 * hide text or change its direction become escapes.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}

/** Returns JSON that is safe to print: characters that hide or reorder text are escapes, with the same meaning. */
export function jsonText(value: unknown): string {
  return showInvisible(JSON.stringify(value));
}

/** Matches line breaks and joiners, too, which a terminal may show anywhere. */
const UNPRINTABLE = new RegExp(`${INVISIBLE.source}|[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]`, "gu");

/** Characters that take two columns: East Asian wide ones, and emoji. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;

/** Returns the number of columns that text without control characters takes in a terminal. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += columnsOf(character);
  return width;
}

function columnsOf(character: string): number {
  if (character <= "~") return 1;
  if (/\p{Mn}|\p{Me}/u.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** Returns the width to fit output to; undefined, so that nothing is shortened, unless it is a terminal. */
export function fitWidth(
  { isTerminal, columns }: CommandOutput,
  full: boolean | undefined,
): number | undefined {
  return isTerminal && !full ? columns : undefined;
}

/** Shortens text to a number of columns, with an ellipsis at its end, or in its middle. */
export function truncate(
  text: string,
  columns = Infinity,
  where: "end" | "middle" = "end",
): string {
  if (text.length * 2 <= columns || widthOf(text) <= columns) return text;
  const left = Math.max(columns - 1, 0); // for the ellipsis
  const tail = where === "end" ? 0 : Math.floor(left / 2);
  const characters = [...text];
  return `${take(characters, left - tail)}…${take(characters.reverse(), tail, true)}`;
}

/** Joins the first characters that fit a number of columns; with `reversed`, in reverse order. */
function take(characters: readonly string[], columns: number, reversed = false): string {
  let left = columns;
  const fitting = characters.findIndex((character) => (left -= columnsOf(character)) < 0);
  const taken = characters.slice(0, fitting);
  return (reversed ? taken.reverse() : taken).join("");
}

/** Pads text with spaces to a number of columns. */
export function pad(text: string, columns: number, align: "left" | "right" = "left"): string {
  const spaces = " ".repeat(Math.max(columns - widthOf(text), 0));
  return align === "left" ? text + spaces : spaces + text;
}

/** Formats a count: `1 event`, `2 events`. */
export function count(number: number, singular: string, plural = `${singular}s`): string {
  return `${number} ${number === 1 ? singular : plural}`;
}

/** Formats a time to the second, in UTC: `2026-01-31 12:00:00Z`. */
export function formatTime(time: string): string {
  return printable(time).replace("T", " ").replace(/\.\d+Z$/, "Z");
}

/** Formats the time of day to the millisecond, in UTC: `12:00:00.000`. */
export function formatClock(time: Date): string {
  return time.toISOString().slice(11, 23);
}

/** Formats milliseconds as `12s`, `3m`, `2h` or `5d`. */
export function formatSpan(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  const units = [[86_400, "d"], [3_600, "h"], [60, "m"], [1, "s"]] as const;
  const [size, unit] = units.find(([size]) => seconds >= size) ?? [1, "s"];
  return `${Math.floor(seconds / size)}${unit}`;
}

/** The shortest time between two updates of a progress line, in milliseconds: enough to be read. */
const PROGRESS_INTERVAL = 100;

/** A progress line on standard error. Writes nothing unless it is a terminal. */
export class Progress {
  readonly #io: CommandIO;
  #updatedAt = -Infinity;
  #visible = false;

  constructor(io: CommandIO) {
    this.#io = io;
  }

  /** Updates the line, unless it was just updated. */
  show(text: string): void {
    const { stderr } = this.#io;
    const now = this.#io.now();
    if (!stderr.isTerminal || now - this.#updatedAt < PROGRESS_INTERVAL) return;
    stderr.write(`\r\x1b[K${truncate(text, stderr.columns)}`);
    this.#updatedAt = now;
    this.#visible = true;
  }

  /** Removes the line. */
  clear(): void {
    if (this.#visible) this.#io.stderr.write("\r\x1b[K");
    this.#visible = false;
  }
}

/** An event that is older than this when it arrives is shown with its own time, in milliseconds. */
const OLD = 60_000;

/** Options of `formatEvent`. */
type EventFormat = {
  readonly arrival: Date;
  readonly style: Style;
  /** The width of the terminal. @default no limit: one line, nothing is truncated */
  readonly columns?: number | undefined;
  /** Printed before the time, without and with colors. */
  readonly status?: { readonly plain: string; readonly colored: string };
};

/**
 * Formats an event: its arrival, type, id, session, run, trace and payload. In a terminal that is too narrow for
 * one line, the payload goes on a second one, truncated to the width; the trace is only shown elsewhere.
 */
export function formatEvent(event: HookEvent, options: EventFormat): string {
  const { arrival, style, columns, status } = options;
  const type = printable(event.type);
  const id = printable(event.id);
  const session = event.sessionId === undefined ? "" : printable(event.sessionId);
  const run = event.runId === undefined ? "" : printable(event.runId);
  // A terminal has better uses for its width.
  const trace = columns === undefined ? event.traceparent?.split("-")[1] : undefined;
  const age = arrival.getTime() - event.timestamp.getTime();
  const own = age >= OLD ? `(from ${formatTime(event.timestamp.toISOString())})` : "";
  // A terminal shows what gates decided, not how it is written.
  const summary = columns === undefined ? undefined : summaryOf(event);
  const data = printable(summary ?? JSON.stringify(event.data) ?? "");
  const join = (parts: readonly (string | undefined)[]): string =>
    parts.filter((part) => part).join(" ");
  const plain = join([status?.plain, formatClock(arrival), type, id, session, run, own]);
  const { dim, bold, cyan } = style;
  const head = join([
    status?.colored,
    dim(formatClock(arrival)),
    bold(type),
    dim(id),
    session && cyan(session),
    run && dim(run),
    trace && dim(trace),
    own && dim(own),
  ]);
  const fits = columns === undefined || widthOf(plain) + 1 + widthOf(data) <= columns;
  return fits ? `${head} ${data}` : `${head}\n  ${truncate(data, columns - 2)}`;
}

/** Returns a summary of an event of gates, in place of its payload; undefined for any other event. */
export function summaryOf({ type, data }: HookEvent): string | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const texts = data as Readonly<Record<string, unknown>>;
  const join = (...parts: readonly unknown[]): string =>
    parts.filter((part) => typeof part === "string" && part !== "").join(" ");
  const { outcome, name = texts.event_type, call_id, reason, question, by, note, ask_id } = texts;
  switch (type) {
    case "gate.decided":
      return join(outcome, name, call_id, reasonOf(texts), ask_id && `ask ${ask_id}`) +
        (reason ? `: ${reason}` : "");
    case "gate.late":
      return join(name, call_id, `[${texts.gate} ${texts.verdict}]`, `${texts.duration_ms} ms`) +
        (reason ? `: ${reason}` : "");
    case "gate.asked":
      return join(name, call_id, `ask ${ask_id}: ${question}`);
    case "gate.resolved":
      return join(outcome, `ask ${ask_id}`, by && `by ${by}`) + (note ? `: ${note}` : "");
    default:
      return undefined;
  }
}

/** Returns the gates that determined a decision. */
function reasonOf({ gates }: Readonly<Record<string, unknown>>): string {
  if (!Array.isArray(gates)) return "";
  const decisive = gates.flatMap((gate) => {
    const { name, verdict, failure } = gate ?? {};
    if (failure) return [`${name} failed (${failure})`];
    return verdict === "deny" || verdict === "ask" || verdict === "rewritten"
      ? [`${name} ${verdict}`]
      : [];
  });
  return decisive.length === 0 ? "" : `[${decisive.join(", ")}]`;
}
