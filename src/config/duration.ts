/**
 * Durations as Go writes them. An entry of its own, because the command's options share it.
 *
 * @module
 */
import type { Suggestion } from "./schema.ts";

/** Milliseconds of each unit of Go's `time.ParseDuration`. */
const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  "µs": 1e-3, // U+00B5, micro sign
  "μs": 1e-3, // U+03BC, Greek mu
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const PART = "(?:[0-9]+(?:\\.[0-9]*)?|\\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h)";

/** Matches a Go duration without a sign: `1m30s`, `500ms`, `1.5h`. */
export const DURATION: RegExp = new RegExp(`^(?:${PART})+$`, "u");

/** Returns the milliseconds of a text that `DURATION` matches. */
export function toMilliseconds(text: string): number {
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([0-9.]+)([a-zµμ]+)/gu)) {
    total += Number(amount) * UNITS[unit!]!;
  }
  return total;
}

/** Formats milliseconds in the largest unit that gives a whole number. */
export function formatDuration(milliseconds: number): string {
  for (const unit of ["h", "m", "s"]) {
    const amount = milliseconds / UNITS[unit]!;
    if (amount >= 1 && Number.isInteger(amount)) return `${amount}${unit}`;
  }
  return milliseconds === 0 ? "0s" : `${milliseconds}ms`;
}

/** Suggests a duration for a text that is not one: a bare number, days, other spellings. */
export function suggestDuration(written: string): Suggestion {
  const text = written.trim();
  if (DURATION.test(text)) return {}; // only too long or too short
  if (text === "0") return { suggestion: "0s" };
  if (/^[0-9]{1,9}$/.test(text)) return { hint: `add a unit, as in ${text}ms or ${text}s` };
  const [, amount, unit = ""] = /^([0-9]{1,9})\s*([a-z]+)$/i.exec(text) ?? [];
  if (amount === undefined) return {};
  const days = /^d(ays?)?$/i.test(unit) ? 1 : /^w(eeks?)?$/i.test(unit) ? 7 : 0;
  if (days > 0) {
    return { suggestion: `${Number(amount) * days * 24}h`, hint: "the largest unit is h" };
  }
  if (/^ms|^milli/i.test(unit)) return { suggestion: `${amount}ms` };
  return /^[smh]/i.test(unit) ? { suggestion: `${amount}${unit[0]!.toLowerCase()}` } : {};
}
