import { deadline, setTimer } from "../../internal/async.ts";
import { toHex } from "../../internal/bytes.ts";
import type { StoreWake } from "../../store/mod.ts";
import type { Query } from "./client.ts";
import type { OpenSession, Session } from "./session.ts";

/**
 * The shortest time between two notifications of a process, in milliseconds. `NOTIFY` takes a lock of the
 * whole cluster when it commits.
 */
const PAUSE = 100;
/**
 * How often a session is checked, and how long a response may take, in milliseconds. A connection that a
 * firewall dropped says nothing by itself, and a pooler in transaction mode never delivers.
 */
const HEARTBEAT = { every: 10_000, timeout: 5_000 };
/** How long to wait before a session is opened again, in milliseconds: twice as long each time. */
const REOPEN = { first: 500, max: 300_000 };

/** Dependencies of `PostgresWake`. */
type PostgresWakeOptions = {
  readonly query: Query;
  /** Undefined where the client has no session: then it only signals. */
  readonly openSession: OpenSession | undefined;
  readonly channel: string;
};

/**
 * Wakes other processes by `NOTIFY`, and listens on one session connection. Its heartbeat is a notification
 * to itself. While there is no session, listeners are not called: they poll.
 */
export class PostgresWake implements StoreWake {
  readonly #options: PostgresWakeOptions;
  /** Tells the signals of this store from those of others. */
  readonly #id = toHex(crypto.getRandomValues(new Uint8Array(8)));
  readonly #listeners = new Set<() => void>();
  #session: Session | undefined;
  /** Changes whenever what is opening or open is given up. */
  #era = 0;
  #pause: number = REOPEN.first;
  #cancelTimer = (): void => {};
  #cancelPause = (): void => {};
  #onEcho = (): void => {};
  /** Whether the session has delivered anything. */
  #isConfirmed = false;
  #isPausing = false;
  #isWanted = false;
  #isClosed = false;

  constructor(options: PostgresWakeOptions) {
    this.#options = options;
  }

  signal(): void {
    if (this.#isClosed) return;
    if (this.#isPausing) {
      this.#isWanted = true;
      return;
    }
    this.#isPausing = true;
    this.#notify(this.#id).catch(() => {}); // a hint: the others poll
    this.#cancelPause = setTimer(PAUSE, () => {
      this.#isPausing = false;
      if (!this.#isWanted) return;
      this.#isWanted = false;
      this.signal();
    }, true);
  }

  listen(onWake: () => void): () => void {
    const listener = (): void => onWake(); // the same function may listen twice
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) void this.#open();
    return () => {
      if (this.#listeners.delete(listener) && this.#listeners.size === 0) this.#end();
    };
  }

  /** Stops to listen and to signal. */
  close(): void {
    this.#isClosed = true;
    this.#cancelPause();
    this.#listeners.clear();
    this.#end();
  }

  #notify(payload: string): Promise<unknown> {
    const text = `select pg_notify('${this.#options.channel}', $1::text)::text as sent`;
    return this.#options.query(text, payload);
  }

  async #open(): Promise<void> {
    const { openSession, channel } = this.#options;
    if (openSession === undefined || this.#isClosed) return;
    const era = ++this.#era;
    const onLost = (): void => {
      if (era === this.#era && this.#session !== undefined) this.#reopen();
    };
    const opening = openSession(channel, (payload) => this.#receive(payload), onLost);
    let session: Session;
    try {
      session = await deadline(opening, HEARTBEAT.timeout);
    } catch {
      opening.then((late) => late.close(), () => {});
      if (era === this.#era) this.#reopen();
      return;
    }
    if (era !== this.#era) return session.close(); // nobody listens any more
    this.#session = session;
    this.#beat();
  }

  /** Notifies itself, and expects to receive that. */
  #beat(): void {
    const era = this.#era;
    const cancel = this.#cancelTimer = setTimer(HEARTBEAT.timeout, () => this.#reopen(), true);
    this.#onEcho = () => {
      if (era !== this.#era) return;
      cancel();
      this.#onEcho = () => {};
      if (!this.#isConfirmed) this.#wakeAll(); // what it missed before
      this.#isConfirmed = true;
      this.#pause = REOPEN.first;
      this.#cancelTimer = setTimer(HEARTBEAT.every, () => this.#beat(), true);
    };
    // Once its pool is ended, nothing can be sent: the session is given up at once, as `end` waits for it.
    this.#notify(`${this.#id}?`).catch(() => era === this.#era && this.#reopen());
  }

  #receive(payload: string): void {
    if (payload === `${this.#id}?`) this.#onEcho();
    else if (payload !== this.#id && !payload.endsWith("?")) this.#wakeAll();
  }

  #wakeAll(): void {
    for (const listener of this.#listeners) listener();
  }

  #reopen(): void {
    this.#end();
    this.#cancelTimer = setTimer(this.#pause * (1 + Math.random()), () => void this.#open(), true);
    this.#pause = Math.min(2 * this.#pause, REOPEN.max);
  }

  #end(): void {
    this.#era++;
    this.#isConfirmed = false;
    this.#cancelTimer();
    this.#session?.close();
    this.#session = undefined;
  }
}
