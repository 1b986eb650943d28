import type { Hook, HookRegistry, Logger, Registration } from "../../core/mod.ts";
import { guarded } from "../../core/reporter.ts";
import { setRepeatingTimer, setTimer } from "../../internal/async.ts";
import { maskError } from "../../internal/mask_error.ts";
import { timeOfEventId } from "../../internal/uuid.ts";
import type { EventListOptions, Outbox, StoredEvent } from "../../outbox/mod.ts";

/**
 * The position of an event in the order of commits. Events of one commit are in the order of their ids.
 */
export type Position = {
  /** The versionstamp of the commit, which orders all commits of a store. */
  readonly versionstamp: string;
  readonly id: string;
};

/** A stored event and its position. */
export type PositionedEvent = StoredEvent & Position;

/** The position before every event. */
export const START: Position = { versionstamp: "", id: "" };

/**
 * How far before a time events are read, in milliseconds: the clocks of instances differ, and commits
 * take time.
 */
const OVERLAP = 30_000;

/** Events per read. */
const PAGE_SIZE = 200;

/** Longest pause between polls after the store failed, in milliseconds. */
const MAX_POLL_PAUSE = 30_000;

/** Shortest pause between polls, in milliseconds. */
const MIN_POLL_PAUSE = 5;

const STREAM_HOOK = /^event-stream-[0-9a-f]{8}$/;

/** Receives live events. No method throws. */
export type Listener = {
  /** Receives every event once, in the order of commits. */
  push(stored: PositionedEvent): void;
  /** Runs at every heartbeat. */
  beat(): void;
  /** Runs when no more events follow. */
  end(): void;
};

/** Options of `LiveEvents`. */
type LiveEventsOptions = {
  readonly registry: HookRegistry;
  readonly outbox: Outbox;
  readonly logger: Logger;
  readonly pollInterval: number;
  readonly heartbeat: number;
};

/** Returns whether a hook is the one of `LiveEvents`, which no user registered. */
export function isStreamHook(name: string): boolean {
  return STREAM_HOOK.test(name);
}

/**
 * The events of all instances as they are accepted, in the order of their commits. Polls the store at an
 * interval, and as soon as this process accepts an event. Runs while there are listeners.
 */
export class LiveEvents {
  readonly #options: LiveEventsOptions;
  readonly #listeners = new Set<Listener>();
  #starting: Promise<void> | undefined;
  /** The hook of the current run; every run has its own. */
  #registration: Registration | undefined;
  #stopHeartbeat = (): void => {};
  #cancelPoll = (): void => {};
  #isPolling = false;
  /** The last poll. Never rejects. */
  #polled: Promise<void> = Promise.resolve();
  /** Whether this process accepted an event since the last poll began. */
  #hasNew = false;
  #pause = 0;
  /** The last event that listeners received. */
  #position: Position = START;
  /** The latest time in an id. */
  #latest = 0;

  constructor(options: LiveEventsOptions) {
    this.#options = options;
  }

  /** Adds a listener. Resolves to the position after which its events begin. @throws what the store throws */
  async add(listener: Listener): Promise<Position> {
    for (;;) {
      const starting = this.#starting ??= this.#start();
      await starting;
      if (starting === this.#starting) break; // otherwise it was stopped meanwhile
    }
    this.#listeners.add(listener);
    return this.#position;
  }

  /** Removes a listener. */
  delete(listener: Listener): void {
    if (this.#listeners.delete(listener) && this.#listeners.size === 0) this.#stop();
  }

  async #start(): Promise<void> {
    const { registry, heartbeat, pollInterval } = this.#options;
    let registration: Registration | undefined;
    const hook: Hook = {
      name: `event-stream-${crypto.randomUUID().slice(0, 8)}`,
      events: ["*"],
      handle: () => this.#wake(),
      close: () => this.#close(registration),
    };
    try {
      registration = this.#registration = registry.registerHook(hook);
      await registry.init(); // so that the hook is closed with the others, which ends the streams
      this.#position = START;
      this.#latest = 0;
      this.#isPolling = false;
      const found = await this.#read();
      if (registration !== this.#registration) return; // it was stopped meanwhile
      this.#position = found.at(-1) ?? START;
      this.#stopHeartbeat = setRepeatingTimer(heartbeat, () => {
        this.#listeners.forEach((listener) => listener.beat());
      });
      this.#pause = pollInterval;
      this.#schedule(pollInterval);
    } catch (error) {
      this.#stop();
      throw error;
    }
  }

  /** Resolves when the store is no longer read. */
  #close(registration: Registration | undefined): Promise<void> {
    if (registration === this.#registration) { // not the hook of an earlier run
      const listeners = [...this.#listeners];
      this.#listeners.clear();
      this.#stop();
      listeners.forEach((listener) => listener.end());
    }
    return this.#polled;
  }

  #stop(): void {
    const registration = this.#registration;
    this.#registration = undefined;
    this.#starting = undefined;
    this.#stopHeartbeat();
    this.#cancelPoll();
    registration?.unregister();
  }

  /** Notes that this process accepted an event. */
  #wake(): void {
    this.#hasNew = true;
    if (!this.#isPolling && this.#starting) this.#schedule(0);
  }

  #schedule(milliseconds: number): void {
    this.#cancelPoll();
    this.#cancelPoll = setTimer(milliseconds, () => void (this.#polled = this.#poll()));
  }

  /** Passes on new events. Then pauses as long as that took, or until the next interval. */
  async #poll(): Promise<void> {
    const { pollInterval, logger } = this.#options;
    const run = this.#registration;
    const startedAt = performance.now();
    this.#isPolling = true;
    this.#hasNew = false;
    try {
      await this.#pushNew(run);
      this.#pause = pollInterval;
    } catch (error) {
      this.#pause = Math.min(this.#pause * 2, MAX_POLL_PAUSE);
      guarded(() => logger.warn("Event streams could not read the store", maskError(error)));
    }
    if (run === undefined || run !== this.#registration) return; // it was stopped meanwhile
    this.#isPolling = false;
    const isNext = this.#hasNew && this.#pause === pollInterval;
    this.#schedule(isNext ? Math.max(MIN_POLL_PAUSE, performance.now() - startedAt) : this.#pause);
  }

  async #pushNew(run: Registration | undefined): Promise<void> {
    const last = (await this.#read()).at(-1);
    if (last === undefined) return;
    // A list isn't a snapshot: it may lack events that were committed before its last one. All of those
    // were committed before this second read begins.
    const found = await this.#read();
    if (run !== this.#registration) return; // listeners of a later run have their own position
    for (const stored of found) {
      if (isAfter(stored, last)) break;
      this.#position = stored;
      for (const listener of [...this.#listeners]) listener.push(stored);
    }
  }

  /** Reads the events after the current position, in the order of their commits. */
  async #read(): Promise<readonly PositionedEvent[]> {
    const now = Date.now();
    const since = new Date(Math.min(this.#latest || now, now) - OVERLAP);
    const found: PositionedEvent[] = [];
    for await (const stored of eventsSince(this.#options.outbox, since)) {
      this.#latest = Math.max(this.#latest, timeOfEventId(stored.id)!);
      if (isAfter(stored, this.#position)) found.push(stored);
    }
    return found.sort(comparePositions);
  }
}

/**
 * Yields the events between two positions, in the order of their commits. They are read by the time in
 * their ids, which is nearly that order: an event is yielded once later events differ by more than clocks
 * may differ.
 *
 * @param time When the event at `after` was created or accepted, in milliseconds
 */
export async function* missedEvents(
  outbox: Outbox,
  { after, upTo, time }: {
    readonly after: Position;
    readonly upTo: Position;
    readonly time: number;
  },
): AsyncGenerator<PositionedEvent> {
  let waiting: PositionedEvent[] = [];
  let sortedAt = 0;
  for await (const stored of eventsSince(outbox, new Date(time - OVERLAP))) {
    if (!isAfter(stored, after) || isAfter(stored, upTo)) continue;
    waiting.push(stored);
    const latest = timeOfEventId(stored.id)!;
    if (latest < sortedAt + OVERLAP) continue;
    waiting.sort(comparePositions);
    const first = waiting.findIndex(({ id }) => timeOfEventId(id)! > latest - OVERLAP);
    yield* waiting.slice(0, first);
    waiting = waiting.slice(first);
    sortedAt = latest;
  }
  yield* waiting.sort(comparePositions);
}

/** Yields events by the time in their ids, oldest first. Ids without a time are left out. */
async function* eventsSince(
  outbox: Outbox,
  since: Date,
): AsyncGenerator<PositionedEvent> {
  const options: EventListOptions = { since, order: "oldest", limit: PAGE_SIZE };
  let cursor: string | undefined;
  do {
    const page = await outbox.listEvents({ ...options, cursor });
    for (const stored of page.items) yield { ...stored, id: stored.event.id };
    ({ cursor } = page);
  } while (cursor !== undefined);
}

/** Returns whether a position is after another. */
export function isAfter(a: Position, b: Position): boolean {
  return a.versionstamp === b.versionstamp ? a.id > b.id : a.versionstamp > b.versionstamp;
}

/** Compares positions, to sort them. */
function comparePositions(a: Position, b: Position): number {
  return isAfter(a, b) ? 1 : -1;
}
