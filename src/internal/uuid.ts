/** If the clock goes back by more than this, in milliseconds, ids follow it and lose their order. */
const CLOCK_TOLERANCE = 10_000;

let last = 0;
let counter = 0;
/** The part of ids that changes with `last` only: several ids are created per millisecond. */
let prefix = prefixOf(last);

/**
 * Creates an event id: a UUID v7 (RFC 9562), so that ids sort by time. Within one process they also sort
 * in the order of creation, by the 12-bit counter of the RFC's section 6.2, method 1.
 */
export function createEventId(): string {
  const random = crypto.randomUUID();
  const now = Date.now();
  if (now > last || last - now > CLOCK_TOLERANCE) {
    counter = parseInt(random.slice(0, 3), 16) >> 1; // from the lower half: room to count up
    last = now;
    prefix = prefixOf(last);
  } else if (++counter > 0xfff) {
    counter = 0;
    last++;
    prefix = prefixOf(last);
  }
  return prefix + (0x1000 + counter).toString(16).slice(1) + random.slice(18);
}

/** Creates an event id for a time in milliseconds since 1970. Ids of the same time have no order. */
export function createEventIdAt(time: number): string {
  const random = crypto.randomUUID();
  return prefixOf(Math.max(0, Math.floor(time))) + random.slice(0, 3) + random.slice(18);
}

/** Returns an id's time and version. `time` is in milliseconds since 1970. */
function prefixOf(time: number): string {
  const digits = time.toString(16).padStart(12, "0");
  return `${digits.slice(0, 8)}-${digits.slice(8)}-7`;
}

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Returns the time in a UUID v7, in milliseconds since 1970; undefined for any other id. */
export function timeOfEventId(id: string): number | undefined {
  return UUID_V7.test(id) ? parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : undefined;
}
