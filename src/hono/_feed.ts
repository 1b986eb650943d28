import { setRepeatingTimer, setTimer } from "../internal/async.ts";
import { guarded } from "../core/reporter.ts";
import { maskError } from "../internal/mask_error.ts";
import type { HookRegistry, Logger, Registration } from "../core/mod.ts";
import type { EventListOptions, Outbox, StoredEvent } from "../outbox/mod.ts";
import { inOrder, isAfter, type Position, START, timeOf } from "./_position.ts";

/** Clocks of instances differ, and commits take their time: so far back is looked, in milliseconds. */
export const OVERLAP = 30_000;
/** Events of one read. */
const PAGE = 200;
/** Longest pause after the store failed, in milliseconds. */
const LONGEST_PAUSE = 30_000;

/** Who reads the feed. Neither method throws. */
export type FeedReader = {
  /** An event came: they come in the order of their commits, each once. */
  push(stored: StoredEvent & Position): void;
  /** Nothing happened for a while. */
  beat(): void;
  /** There will be no more. */
  end(): void;
};

/** What a feed works with. */
export type FeedOptions = {
  readonly registry: HookRegistry;
  readonly outbox: Outbox;
  readonly logger: Logger;
  readonly pollInterval: number;
  readonly heartbeat: number;
};

const STREAM_HOOK = /^event-stream-[0-9a-f]{8}$/;

/** Whether a hook is that of a feed, which no user has registered. */
export function isStreamHook(name: string): boolean {
  return STREAM_HOOK.test(name);
}

/**
 * The events of all instances, in the order of their commits: what the store has, looked for at intervals,
 * and at once when this process accepts one. It runs while somebody reads.
 */
export class Feed {
  readonly #options: FeedOptions;
  readonly #readers = new Set<FeedReader>();
  #starting: Promise<void> | undefined;
  #registration: Registration | undefined;
  #stopBeating = (): void => {};
  #cancelLook = (): void => {};
  #looking = false;
  #awake = false;
  #pause = 0;
  /** The last event that was handed on. */
  #position: Position = START;
  /** The latest time in an id. */
  #latest = 0;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** How often a stream says something at least, in milliseconds. */
  get heartbeat(): number {
    return this.#options.heartbeat;
  }

  /** Adds a reader; gives the place behind which its events begin. @throws whatever the store does */
  async add(reader: FeedReader): Promise<Position> {
    for (;;) {
      const starting = this.#starting ??= this.#start();
      await starting;
      if (starting === this.#starting) break; // else it stopped meanwhile
    }
    this.#readers.add(reader);
    return this.#position;
  }

  /** Lets go of a reader. */
  delete(reader: FeedReader): void {
    if (this.#readers.delete(reader) && this.#readers.size === 0) this.#stop();
  }

  async #start(): Promise<void> {
    const { registry, heartbeat, pollInterval } = this.#options;
    const close = (): void => {
      if (registration !== this.#registration) return; // of an earlier run
      const readers = [...this.#readers];
      this.#readers.clear();
      this.#stop();
      readers.forEach((reader) => reader.end());
    };
    let registration: Registration | undefined;
    const hook = {
      name: `event-stream-${crypto.randomUUID().slice(0, 8)}`,
      events: ["*"],
      handle: () => this.#wake(),
      close,
    };
    try {
      registration = this.#registration = registry.registerHook(hook as never);
      await registry.init(); // so that it is closed with the others, and streams end
      this.#position = START;
      this.#latest = 0;
      this.#looking = false;
      const found = await this.#read();
      if (registration !== this.#registration) return; // it was stopped meanwhile
      this.#position = found.at(-1) ?? START;
      this.#stopBeating = setRepeatingTimer(
        heartbeat,
        () => this.#readers.forEach((it) => it.beat()),
      );
      this.#pause = pollInterval;
      this.#schedule(pollInterval);
    } catch (error) {
      this.#stop();
      throw error;
    }
  }

  #stop(): void {
    const registration = this.#registration;
    this.#registration = undefined;
    this.#starting = undefined;
    this.#stopBeating();
    this.#cancelLook();
    registration?.unregister();
  }

  /** An event was accepted here. */
  #wake(): void {
    this.#awake = true;
    if (!this.#looking && this.#starting) this.#schedule(0);
  }

  #schedule(milliseconds: number): void {
    this.#cancelLook();
    this.#cancelLook = setTimer(milliseconds, () => void this.#look());
  }

  /** Hands on what is new; then waits for as long as that took, or for the next time. */
  async #look(): Promise<void> {
    const { pollInterval, logger } = this.#options;
    const run = this.#registration;
    const began = performance.now();
    this.#looking = true;
    this.#awake = false;
    try {
      await this.#handOn(run);
      this.#pause = pollInterval;
    } catch (error) {
      this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
      guarded(() => logger.warn("The event streams could not read the store", maskError(error)));
    }
    if (run === undefined || run !== this.#registration) return; // it was stopped
    this.#looking = false;
    const took = performance.now() - began;
    this.#schedule(this.#awake && this.#pause === pollInterval ? Math.max(5, took) : this.#pause);
  }

  async #handOn(run: Registration | undefined): Promise<void> {
    const last = (await this.#read()).at(-1);
    if (last === undefined) return;
    // A list is not read at one moment, so it may lack what was committed before its last event. All of
    // that was committed before this second reading begins.
    const found = await this.#read();
    if (run !== this.#registration) return; // readers of a later run have their own place
    for (const stored of found) {
      if (isAfter(stored, last)) break;
      this.#position = stored;
      for (const reader of [...this.#readers]) reader.push(stored);
    }
  }

  /** The events behind the position, in the order of their commits. */
  async #read(): Promise<readonly (StoredEvent & Position)[]> {
    const now = Date.now();
    const since = new Date(Math.min(this.#latest || now, now) - OVERLAP);
    const found: (StoredEvent & Position)[] = [];
    for await (const stored of eventsSince(this.#options.outbox, { since })) {
      this.#latest = Math.max(this.#latest, timeOf(stored.id));
      if (isAfter(stored, this.#position)) found.push(stored);
    }
    return found.sort(inOrder);
  }
}

/** Events by the time in their ids, oldest first, all pages. */
export async function* eventsSince(
  outbox: Outbox,
  options: EventListOptions,
): AsyncGenerator<StoredEvent & Position> {
  let cursor: string | undefined;
  do {
    const page = await outbox.listEvents({ ...options, order: "oldest", limit: PAGE, cursor });
    for (const stored of page.items) yield { ...stored, id: stored.event.id };
    ({ cursor } = page);
  } while (cursor !== undefined);
}
