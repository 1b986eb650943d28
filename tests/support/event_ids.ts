import type { HookEvent } from "@omniagent/hooks";

/** The UUID v7 of a time, in milliseconds, with a number in it. */
export function idAt(time: number, n: number): string {
  const digits = time.toString(16).padStart(12, "0");
  return `${digits.slice(0, 8)}-${digits.slice(8)}-7000-8000-${String(n).padStart(12, "0")}`;
}

/** An hour ago, as counts of days long ago are deleted. */
export const START = Date.now() - 60 * 60 * 1000;

/** An event whose id is that of `n` seconds after the start. */
export function eventAt(n: number, type = "tool.called"): HookEvent {
  const id = idAt(START + n * 1000, n);
  return { id, type, timestamp: new Date(START), data: { n } };
}

/** The number in such an id. */
export function numberIn(id: string): number {
  return Number(id.slice(24));
}

/** The first numbers, from 0. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
