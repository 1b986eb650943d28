/** Characters of an error that are kept, as JSON in its quotes. */
export const LONGEST_REASON = 2_000;

/** The beginning of a text that takes at most so many characters as JSON, quotes included. */
export function beginningOf(text: string, most: number): string {
  let start = text.slice(0, Math.max(0, most - 2));
  while (JSON.stringify(start).length > most && start !== "") {
    start = start.slice(0, Math.floor(start.length * 0.8));
  }
  return start.replace(/[\uD800-\uDBFF]$/, ""); // half a character
}
