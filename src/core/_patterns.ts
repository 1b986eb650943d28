/** Longest event type, in characters. */
const MAX_LENGTH = 128;
const WORDS = /^[a-z0-9_]+(?:\.[a-z0-9_]+)*$/;

/** What an event type must be, for messages. */
export const TYPE_RULE = "must be dot-separated words of [a-z0-9_], 128 characters at most";

/** Whether a value can be an event's type. */
export function isEventType(type: unknown): type is string {
  return typeof type === "string" && type.length <= MAX_LENGTH && WORDS.test(type);
}

/** Whether a value is a pattern: a type, a type and `.*`, or `*`. */
export function isPattern(pattern: unknown): pattern is string {
  if (typeof pattern !== "string") return false;
  return pattern === "*" || isEventType(pattern.endsWith(".*") ? pattern.slice(0, -2) : pattern);
}

/** Whether a pattern matches one type only. */
export function isExact(pattern: string): boolean {
  return !pattern.endsWith("*");
}

/** Every pattern that matches a type: itself, its prefixes, `*`. */
export function patternsFor(type: string): readonly string[] {
  const patterns = [type];
  for (let dot = type.lastIndexOf("."); dot > 0; dot = type.lastIndexOf(".", dot - 1)) {
    patterns.push(`${type.slice(0, dot)}.*`);
  }
  patterns.push("*");
  return patterns;
}
