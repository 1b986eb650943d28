import type { AnyMatcher } from "./_matches.ts";
import type { AnyCall } from "./_recording.ts";

/** Characters of a value in a line. */
const SHOWN = 120;

/** Calls, a line each. */
export function describeCalls(calls: readonly AnyCall[]): string {
  if (calls.length === 0) return "Nothing was recorded";
  const width = Math.max(...calls.map(({ event }) => event.type.length));
  const lines = calls.map(({ event, context }, i) => {
    const session = event.sessionId === undefined ? "" : `session ${event.sessionId} `;
    const attempt = context.attempt > 1 ? `attempt ${context.attempt} ` : "";
    return `  ${i + 1}. ${event.type.padEnd(width)} ${session}${attempt}${show(event.data)}`;
  });
  return ["Recorded:", ...lines].join("\n");
}

/** A matcher in words. */
export function describeMatcher(matcher: AnyMatcher): string {
  const fields = Object.entries(matcher).filter(([, value]) => value !== undefined);
  if (fields.length === 0) return "any event";
  return `an event with ${fields.map(([name, value]) => `${name} ${show(value)}`).join(", ")}`;
}

function show(value: unknown): string {
  const text = toText(value);
  const more = text.length - SHOWN;
  return more > 0 ? `${text.slice(0, SHOWN)}… (${more} characters more)` : text;
}

/** On one line: JSON has no line breaks, and those of a function's source are closed up. */
function toText(value: unknown): string {
  if (typeof value === "function") return String(value).replaceAll(/\s+/g, " ");
  try {
    return JSON.stringify(value) ?? String(value);
  } catch (error) { // `dispatch` takes payloads that JSON can't carry
    return String(error);
  }
}
