/**
 * Reads input from the user: values of options, files, standard input, and signals.
 * @module
 */
import { InvalidArgumentError } from "commander";
import { DURATION, formatDuration, suggestDuration, toMilliseconds } from "../config/duration.ts";
import { parseTime } from "../core/event_rules.ts";
import { onAbort } from "../internal/async.ts";
import { joinBytes } from "../internal/bytes.ts";
import { parseJson } from "../internal/json_text.ts";
import { MAX_DURATION } from "../internal/limits.ts";
import { wholeMilliseconds } from "../internal/options.ts";
import { BLOCKED, isBadPort } from "../webhook/request_rules.ts";
import { CommandError } from "./errors.ts";
import type { CommandIO } from "./io.ts";
import { printable } from "./output.ts";

/** Parses a duration such as `500ms`, `2s` or `1m30s`, into milliseconds. At most ten years. */
export function parseDuration(text: string): number {
  const value = DURATION.test(text) ? wholeMilliseconds(toMilliseconds(text)) : NaN;
  if (value <= MAX_DURATION) return value;
  const rule = value > MAX_DURATION
    ? `Must be at most ${formatDuration(MAX_DURATION)}.`
    : "Must be a duration such as 500ms, 2s or 1m30s.";
  throw new InvalidArgumentError(`${rule}${durationHint(text)}`);
}

function durationHint(text: string): string {
  const { suggestion, hint } = suggestDuration(text);
  if (suggestion !== undefined) return ` Did you mean ${suggestion}?`;
  return hint === undefined ? "" : ` ${hint[0]!.toUpperCase()}${hint.slice(1)}.`;
}

/** Parses a rate such as `30%` or `0.3`, into a number from 0 to 1. */
export function parseRate(text: string): number {
  const [, number, percent] = /^(\d*\.?\d+)(%?)$/.exec(text) ?? [];
  const rate = Number(number) / (percent ? 100 : 1);
  if (rate >= 0 && rate <= 1) return rate;
  throw new InvalidArgumentError("Must be a rate such as 30% or 0.3, at most 100%.");
}

/** Parses a port that `fetch` can reach; 0 is any free one. */
export function parsePort(text: string): number {
  const port = parseInteger(0, 65_535)(text);
  if (port === 0 || !isBadPort(port)) return port;
  throw new InvalidArgumentError(`It is a port ${BLOCKED}.`);
}

/** Returns a parser of whole numbers within bounds. */
export function parseInteger(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = /^\d+$/.test(text) ? Number(text) : NaN;
    if (number >= min && number <= max) return number;
    throw new InvalidArgumentError(`Must be a whole number from ${min} to ${max}.`);
  };
}

/** The times that RFC 3339 can express: the years 0 to 9999. */
const MIN_TIME = Date.UTC(-1, 12);
const MAX_TIME = Date.UTC(10_000, 0) - 1;

/** Returns a parser of times: RFC 3339, a date (in UTC), or a duration before now. */
export function parseTimestamp(now: () => number): (text: string) => string {
  return (text) => {
    const time = DURATION.test(text)
      ? now() - toMilliseconds(text)
      : Number(parseTime(text) ?? parseTime(`${text}T00:00:00Z`) ?? NaN);
    if (time >= MIN_TIME && time <= MAX_TIME) return new Date(time).toISOString();
    const hint = /^\d+\s*[dw]/i.test(text) ? durationHint(text) : "";
    throw new InvalidArgumentError(
      "Must be a time such as 2026-01-31T12:00:00Z or 2026-01-31, or 2h for two hours ago, in the " +
        `years 0 to 9999.${hint}`,
    );
  };
}

/** Collects the values of a repeatable option. */
export function collect(text: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...earlier ?? [], text];
}

/** Reads a text file. `what` names its content in errors, such as "the data". */
export async function readText(io: CommandIO, path: string, what: string): Promise<string> {
  const bytes = await io.readFile(path).catch((error) => {
    throw new CommandError(`Cannot read ${what} from ${path}: ${fileError(error)}`);
  });
  return decode(bytes, what);
}

/** Returns why a file could not be read. */
export function fileError(error: unknown): string {
  const { code, message } = error as { readonly code?: string; readonly message: string };
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: "no such file",
    EISDIR: "it is a directory",
    EACCES: "permission denied",
    EPERM: "permission denied",
  };
  return reasons[code ?? ""] ?? message;
}

/** Reads standard input to its end. */
export async function readStdin(io: CommandIO, what: string): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of io.stdin.read()) parts.push(part);
  return decode(joinBytes(parts), what);
}

const LINE_FEED = 10;

/** Yields the lines of standard input as they arrive. */
export async function* readLines(io: CommandIO): AsyncIterable<string> {
  let number = 0;
  let pending: Uint8Array[] = [];
  const decodeLine = (end: Uint8Array): string => {
    number++;
    const line = joinBytes([...pending, end]);
    pending = [];
    return decode(line, `line ${number}`);
  };
  for await (const part of io.stdin.read()) {
    let from = 0;
    for (let at = part.indexOf(LINE_FEED); at >= 0; at = part.indexOf(LINE_FEED, from)) {
      yield decodeLine(part.subarray(from, at));
      from = at + 1;
    }
    pending.push(part.slice(from)); // a copy, because the buffer may be reused
  }
  yield decodeLine(new Uint8Array());
}

function decode(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new CommandError(`Cannot read ${what}: it is not valid UTF-8`);
  }
}

/**
 * Parses JSON from the user; undefined if it isn't JSON. Numbers that a double would change are
 * rejected, because the request is serialized again. In an event, only its data is checked.
 *
 * @throws {CommandError} naming such numbers by path
 */
export function parseInput(
  json: string,
  what: "the data" | "the fields" | `line ${number}`,
): unknown {
  const { value, issues } = parseJson(json);
  const isLine = what.startsWith("line");
  const relevant = isLine ? issues.filter(({ path }) => path?.[0] === "data") : issues;
  if (value === undefined || relevant.length === 0) return value;
  const details = relevant.map(({ message, path = [] }) =>
    printable(`${path.map((key) => `/${String(key)}`).join("") || "it"} ${message}`)
  );
  throw new CommandError(`Cannot send ${what}`, details, 2);
}

/** Returns the environment: the variables of the process, and then those of a file. */
export async function readEnv(
  io: CommandIO,
  path: string | undefined,
): Promise<(name: string) => string | undefined> {
  if (path === undefined) return (name) => io.env(name);
  const text = await readText(io, path, "the environment");
  const { parseEnv } = await import("node:util");
  if (typeof parseEnv !== "function") {
    throw new CommandError(`Cannot read ${path}: --env-file needs Node.js 20.16 or later`, [], 2);
  }
  const variables = new Map(Object.entries(parseEnv(text)));
  return (name) => io.env(name) ?? variables.get(name);
}

/** How long responses may take once the command shuts down, in milliseconds: supervisors kill after 5 s. */
export const GRACE_PERIOD = 2_000;

/**
 * Listens for SIGINT and SIGTERM until `release`: the first one aborts `signal`. Repeated signals are ignored:
 * below `deno task` and `npm run`, one Ctrl-C arrives twice, from the terminal and from the parent process.
 */
export function listenForShutdown(io: Pick<CommandIO, "onSignal">): {
  readonly signal: AbortSignal;
  /** Resolves when `signal` aborts. */
  readonly requested: Promise<void>;
  release(): void;
} {
  const controller = new AbortController();
  const { signal } = controller;
  const requested = new Promise<void>((resolve) => onAbort(signal, resolve));
  const request = (): void => controller.abort();
  const releases = [io.onSignal("SIGINT", request), io.onSignal("SIGTERM", request)];
  return { signal, requested, release: () => releases.forEach((release) => release()) };
}
