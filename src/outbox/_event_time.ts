const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
/** The largest time that 48 bits hold. */
const LATEST = 2 ** 48 - 1;

/** The time in an id, in milliseconds; undefined for one that is no UUID v7, such as one from elsewhere. */
export function timeOf(id: string): number | undefined {
  return UUID_V7.test(id) ? parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : undefined;
}

/** A text that sorts before the ids of a time, and after those of every earlier one. */
export function beforeIdsAt(time: Date): string {
  const milliseconds = Math.min(Math.max(0, time.getTime()), LATEST);
  const digits = milliseconds.toString(16).padStart(12, "0");
  return `${digits.slice(0, 8)}-${digits.slice(8)}`;
}
