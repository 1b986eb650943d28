/** Truncates a text to this many characters as JSON, quotes included. */
export function truncate(text: string, maxLength: number): string {
  return longestPrefix(text, (prefix) => JSON.stringify(prefix).length <= maxLength);
}

/** Returns the longest prefix that fits, without half a character at its end. */
export function longestPrefix(text: string, fits: (prefix: string) => boolean): string {
  const length = largest(text.length, (length) => fits(text.slice(0, length)));
  return length === text.length ? text : text.slice(0, length).replace(/[\uD800-\uDBFF]$/, "");
}

/** Returns the largest number up to a maximum that fits; 0 if none does. */
export function largest(max: number, fits: (count: number) => boolean): number {
  if (fits(max)) return max;
  let [most, tooMany] = [0, max];
  while (tooMany - most > 1) {
    const middle = (most + tooMany) >> 1;
    if (fits(middle)) most = middle;
    else tooMany = middle;
  }
  return most;
}
