import type { Outbox, StoredEvent } from "../outbox/mod.ts";
import { eventsSince, OVERLAP } from "./_feed.ts";
import { inOrder, isAfter, type Position, timeOf } from "./_position.ts";

/** Where a reader goes on: behind an event, which was made or accepted at a time, in milliseconds. */
export type Place = Position & { readonly time: number };

/**
 * The events between two places, in the order of their commits. They are read by the time in their ids,
 * which is about that order: an event is given when what is read is later by all that clocks may differ.
 */
export async function* history(
  outbox: Outbox,
  after: Place,
  upTo: Position,
): AsyncGenerator<StoredEvent> {
  const since = new Date(after.time - OVERLAP);
  let waiting: (StoredEvent & Position)[] = [];
  let sorted = 0; // the last time that the waiting ones were put in order
  for await (const stored of eventsSince(outbox, { since })) {
    if (!isAfter(stored, after) || isAfter(stored, upTo)) continue;
    waiting.push(stored);
    const time = timeOf(stored.id);
    if (time < sorted + OVERLAP) continue;
    waiting.sort(inOrder);
    const first = waiting.findIndex(({ id }) => timeOf(id) > time - OVERLAP);
    yield* waiting.slice(0, first);
    waiting = waiting.slice(first);
    sorted = time;
  }
  yield* waiting.sort(inOrder);
}
