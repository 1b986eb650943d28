/** No receiver is waited for longer, in milliseconds. */
const LONGEST = 24 * 60 * 60 * 1000;
/** The date of RFC 9110, section 5.6.7, in its one form that is still made: `Sun, 06 Nov 1994 08:49:37 GMT`. */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/;

/**
 * How long `Retry-After` (RFC 9110, section 10.2.3) asks to wait, in milliseconds, 24 hours at most; 0
 * for a date in the past, undefined for anything else.
 */
export function parseRetryAfter(value: string | null, now: number): number | undefined {
  if (value === null) return undefined;
  const text = value.trim();
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, LONGEST);
  const time = HTTP_DATE.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(time) ? undefined : Math.min(Math.max(time - now, 0), LONGEST);
}
