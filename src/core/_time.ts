const RFC_3339 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt]([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.\d+)?(?:[Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/;

/** The time of an RFC 3339 text, to the millisecond; undefined if it is none. */
export function parseTime(text: unknown): Date | undefined {
  const parts = typeof text === "string" ? RFC_3339.exec(text) : null;
  if (parts === null) return undefined;
  const [, year, month, day] = parts.map(Number);
  // Date.parse takes February 30 for March 2; RFC 3339 has no such day.
  if (month! < 1 || month! > 12 || day! < 1 || day! > daysIn(year!, month!)) return undefined;
  const time = Date.parse(parts[0].toUpperCase());
  const date = new Date(time);
  return isWireTime(date) ? date : undefined; // its offset may lead out of the years
}

/** Whether RFC 3339 can write a time: its year, in UTC, has four digits. */
export function isWireTime(time: Date): boolean {
  const year = time.getUTCFullYear(); // NaN for an invalid date
  return year >= 0 && year <= 9999;
}

function daysIn(year: number, month: number): number {
  const last = new Date(0);
  last.setUTCFullYear(year, month, 0); // day 0 of the next month; Date.UTC reads years below 100 as 19xx
  return last.getUTCDate();
}
