/**
 * Durations as Go writes them: a door of its own, for the options of the command.
 *
 * @module
 */

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

/** A duration as Go writes it, without a sign: `1m30s`, `500ms`, `1.5h`. */
export const DURATION: RegExp = new RegExp(`^(?:${PART})+$`, "u");

/** The milliseconds of a text that `DURATION` matches. */
export function toMilliseconds(text: string): number {
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([0-9.]+)([a-zµμ]+)/gu)) {
    total += Number(amount) * UNITS[unit!]!;
  }
  return total;
}

/** Milliseconds as a duration, for messages: the largest unit that gives a whole number. */
export function formatDuration(milliseconds: number): string {
  for (const unit of ["h", "m", "s"]) {
    const amount = milliseconds / UNITS[unit]!;
    if (amount >= 1 && Number.isInteger(amount)) return `${amount}${unit}`;
  }
  return milliseconds === 0 ? "0s" : `${milliseconds}ms`;
}

/** What someone may have meant who wrote no duration: a bare number, days, other spellings. */
export function meantDuration(written: string): { suggestion?: string; hint?: string } {
  const text = written.trim();
  if (DURATION.test(text)) return {}; // it is only too long or too short
  if (text === "0") return { suggestion: "0s" };
  if (/^[0-9]{1,9}$/.test(text)) {
    return { hint: `a number needs its unit: ${text}ms or ${text}s` };
  }
  const [, amount, unit] = /^([0-9]{1,9})\s*([a-z]+)$/i.exec(text) ?? [];
  if (amount === undefined) return {};
  const days = /^d(ays?)?$/i.test(unit!) ? 1 : /^w(eeks?)?$/i.test(unit!) ? 7 : 0;
  if (days > 0) {
    return { suggestion: `${Number(amount) * days * 24}h`, hint: "the largest unit is h" };
  }
  const meant = /^ms|^milli/i.test(unit!)
    ? "ms"
    : "smh".includes(unit![0]!.toLowerCase()) && unit![0]!.toLowerCase();
  return meant ? { suggestion: `${amount}${meant}` } : {};
}
