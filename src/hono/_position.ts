/** A place in the order in which events were committed. Those of one commit are in the order of their ids. */
export type Position = {
  /** Of the commit: the store's order of all commits. */
  readonly versionstamp: string;
  readonly id: string;
};

/** Before every event. */
export const START: Position = { versionstamp: "", id: "" };

/** Whether a place is behind another. */
export function isAfter(a: Position, b: Position): boolean {
  return a.versionstamp === b.versionstamp ? a.id > b.id : a.versionstamp > b.versionstamp;
}

/** Sorts places, the first one first. */
export function inOrder(a: Position, b: Position): number {
  return isAfter(a, b) ? 1 : -1;
}

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** The time in an event's id, in milliseconds; NaN when there is none. */
export function timeOf(id: string): number {
  return UUID_V7.test(id) ? parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : NaN;
}
