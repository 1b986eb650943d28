/**
 * Reads what was typed. Each function is commander's parser of an option: what it refuses is a usage
 * error, which names the option.
 * @module
 */
import { InvalidArgumentError } from "commander";
import { DURATION, formatDuration, suggestDuration, toMilliseconds } from "../config/duration.ts";
import { MAX_DURATION, wholeMilliseconds } from "../internal/options.ts";
import { parseTime } from "../core/event_rules.ts";
import { BLOCKED, isBadPort } from "../webhook/request_rules.ts";

/** A duration such as `500ms`, `2s` or `1m30s`, in whole milliseconds, ten years at most. */
export function parseDuration(text: string): number {
  const value = DURATION.test(text) ? wholeMilliseconds(toMilliseconds(text)) : NaN;
  if (value <= MAX_DURATION) return value;
  const rule = value > MAX_DURATION
    ? `A duration is ${formatDuration(MAX_DURATION)} at most.`
    : "A duration looks like 500ms, 2s or 1m30s.";
  throw new InvalidArgumentError(`${rule}${hintFor(text)}`);
}

/** Returns a hint for a text that is not a duration. */
function hintFor(text: string): string {
  const { suggestion, hint } = suggestDuration(text);
  if (suggestion !== undefined) return ` Did you mean ${suggestion}?`;
  return hint === undefined ? "" : ` ${hint[0]!.toUpperCase()}${hint.slice(1)}.`;
}

/** A share such as `30%` or `0.3`, from 0 to 1. */
export function parseShare(text: string): number {
  const share = /^\d+(?:\.\d+)?%$/.test(text) ? Number(text.slice(0, -1)) / 100 : toNumber(text);
  if (share >= 0 && share <= 1) return share;
  throw new InvalidArgumentError("A share looks like 30% or 0.3, and is 100% at most.");
}

/** A port that clients can reach: 0 is any that is free. */
export function parsePort(text: string): number {
  const port = parseInteger(0, 65_535)(text);
  if (port === 0 || !isBadPort(port)) return port;
  throw new InvalidArgumentError(`It is a port ${BLOCKED}.`);
}

/** A whole number within bounds. */
export function parseInteger(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = /^\d+$/.test(text) ? Number(text) : NaN;
    if (number >= min && number <= max) return number;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

/** The years that RFC 3339 can write: 0 to 9999. */
const FIRST = Date.UTC(-1, 12);
const LAST = Date.UTC(10_000, 0) - 1;

/** A moment: RFC 3339, a day of it alone (in UTC), or a duration before now. */
export function parseMoment(now: () => number): (text: string) => string {
  return (text) => {
    const time = DURATION.test(text)
      ? now() - toMilliseconds(text)
      : Number(parseTime(text) ?? parseTime(`${text}T00:00:00Z`) ?? NaN);
    if (time >= FIRST && time <= LAST) return new Date(time).toISOString();
    throw new InvalidArgumentError(
      "A time looks like 2026-01-31T12:00:00Z, or 2026-01-31, or 2h for two hours ago, and is of the " +
        `years 0 to 9999.${/^\d+\s*[dw]/i.test(text) ? hintFor(text) : ""}`,
    );
  };
}

/** Gathers the values of an option that may be given several times. */
export function collect(text: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...earlier ?? [], text];
}

function toNumber(text: string): number {
  return /^\d*\.?\d+$/.test(text) ? Number(text) : NaN;
}
