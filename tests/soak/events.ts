/**
 * The events of the soak. What one is like follows from its number, so that a receiver can tell
 * whether it arrived as it was sent.
 * @module
 */
import type { ToolData } from "@omniagent/hooks";

/** One in so many is longer than a value in the store may be: it is stored in chunks. */
const LARGE = 25;
/** One in so many has an idempotency key. */
const KEYED = 3;

/** So many numbers, one after the other. */
export function numbersFrom(first: number, count: number): readonly number[] {
  return Array.from({ length: Math.max(0, count) }, (_, n) => first + n);
}

/** The payload of an event. */
export function payloadOf(number: number): ToolData {
  return { name: "soak", params: { number, text: textOf(number) } };
}

/** What is wrong with an event that arrived; undefined: nothing. */
export function faultOf({ id, data }: { readonly id: string; readonly data: unknown }) {
  const { number, text } = (data as ToolData).params as { number: number; text: string };
  return text === textOf(number) ? undefined : `${id} has not the text of event ${number}`;
}

/** Whether its body is stored in chunks. */
export function isLarge(number: number): boolean {
  return number % LARGE === 0;
}

/** The idempotency key of an event that has one. */
export function keyOf(number: number): string | undefined {
  return number % KEYED === 0 ? `soak-${number}` : undefined;
}

/**
 * How its caller repeats it, under the same key: `hasty`, without waiting for the response; `deaf`, as the
 * response was lost.
 */
export function callerOf(number: number): "hasty" | "deaf" | "patient" {
  if (keyOf(number) === undefined) return "patient";
  return number % (3 * KEYED) === 0 ? "deaf" : number % (2 * KEYED) === 0 ? "hasty" : "patient";
}

/** 80 to 200 KB of text when it is large. */
function textOf(number: number): string {
  const length = isLarge(number) ? 40_000 + (number * 7_919) % 60_000 : 200;
  return `${number} ` + "ä".repeat(length);
}
