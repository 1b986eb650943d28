/** The UUID v7 of a time, in milliseconds, with a number in it. */
export function idAt(time: number, n: number): string {
  const digits = time.toString(16).padStart(12, "0");
  return `${digits.slice(0, 8)}-${digits.slice(8)}-7000-8000-${String(n).padStart(12, "0")}`;
}

/** The number in such an id. */
export function numberIn(id: string): number {
  return Number(id.slice(24));
}

/** The numbers from 0 on, so many. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
