/** A clock that goes back by more than this, in milliseconds, is followed, and the order is given up. */
const CLOCK_TOLERANCE = 10_000;

let last = 0;
let counter = 0;

/**
 * Creates an event id: a UUID v7 (RFC 9562), so that ids sort by time. Within one process they also sort
 * in the order of creation, by the 12-bit counter of the RFC's section 6.2, method 1.
 */
export function createEventId(): string {
  const random = crypto.randomUUID();
  const now = Date.now();
  if (now > last || last - now > CLOCK_TOLERANCE) {
    last = now;
    counter = parseInt(random.slice(0, 3), 16) >> 1; // from the lower half: room to count up
  } else if (++counter > 0xfff) {
    last++;
    counter = 0;
  }
  return format(last, counter.toString(16).padStart(3, "0"), random);
}

/** Creates an event id for a time in milliseconds since 1970. Ids of the same time have no order. */
export function createEventIdAt(time: number): string {
  const random = crypto.randomUUID();
  return format(Math.max(0, Math.floor(time)), random.slice(0, 3), random);
}

function format(milliseconds: number, count: string, random: string): string {
  const time = milliseconds.toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${count}-${random.slice(19)}`;
}

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Returns the time in a UUID v7, in milliseconds since 1970; undefined for any other id. */
export function timeOfEventId(id: string): number | undefined {
  return UUID_V7.test(id) ? parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : undefined;
}
