import { deadline, setTimer } from "../../internal/async.ts";
import { toHex } from "../../internal/bytes.ts";
import type { StoreWake } from "../../store/mod.ts";
import type { Query } from "./client.ts";

/**
 * The shortest time between two notifications of a process, in milliseconds. `NOTIFY` takes a lock of the
 * whole cluster when it commits.
 */
const PAUSE = 100;
/**
 * How often a session is checked, and how long a response may take, in milliseconds. A connection that a
 * firewall dropped stays silent, and a pooler in transaction mode never delivers.
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
  /** Distinguishes the signals of this store from those of others. */
  readonly #id = toHex(crypto.getRandomValues(new Uint8Array(8)));
  readonly #listeners = new Set<() => void>();
  #session: Session | undefined;
  /** Changes whenever an opening or open session is given up. */
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

  /** Stops listening and signaling. */
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
    if (era !== this.#era) return session.close(); // no listener is left
    this.#session = session;
    this.#beat();
  }

  /** Notifies itself, and expects to receive the notification. */
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

/** A dedicated connection that receives notifications. */
type Session = {
  /** Ends it, without waiting. */
  close(): void;
};

/**
 * Opens a session that listens to a channel. `onNotice` receives the payload of each notification. `onLost`
 * is called when the connection ends, if the client reports that.
 */
type OpenSession = (
  channel: string,
  onNotice: (payload: string) => void,
  onLost: () => void,
) => Promise<Session>;

type Notification = { readonly channel: string; readonly payload?: string };

/** A client of `pg`. */
type PgClient = {
  query(text: string): Promise<unknown>;
  on(event: string, listener: (notification: Notification) => void): unknown;
  off(event: string, listener: (notification: Notification) => void): unknown;
  unref?(): void;
};

type PooledClient = PgClient & { release(destroy: boolean): void };

type PgPool = {
  readonly totalCount: number;
  /** Whether its `end` was called, which waits until all clients are released. */
  readonly ending?: boolean;
  readonly options?: { readonly max?: number };
  connect(callback: (error: Error | undefined, client: PooledClient | undefined) => void): void;
  on(event: "remove", listener: () => void): unknown;
  off(event: "remove", listener: () => void): unknown;
};

/** `listen` of `postgres`, `Bun.sql` and PGlite. */
type Listening = {
  listen(
    channel: string,
    onNotice: (payload: string) => void,
  ): Promise<(() => unknown) | { unlisten(): unknown }>;
};

/**
 * Returns a function that opens a session on a client, by its form; undefined if it can't. A pool of one
 * connection needs that one for queries.
 */
export function openSessionOf(client: unknown): OpenSession | undefined {
  const { listen, connect, totalCount, options, on } = client as
    & Partial<Listening & PgPool>
    & { readonly on?: unknown };
  if (typeof listen === "function") {
    return (...args) => listenBy(client as Listening, ...args);
  }
  if (typeof totalCount === "number" && typeof connect === "function") {
    if ((options?.max ?? Infinity) < 2) return undefined;
    return (...args) => listenInPool(client as PgPool, ...args);
  }
  if (typeof on !== "function") return undefined;
  return (...args) => listenOn(client as PgClient, ...args);
}

async function listenBy(
  client: Listening,
  ...[channel, onNotice]: Parameters<OpenSession>
): Promise<Session> {
  const listening = await client.listen(channel, onNotice);
  const unlisten = typeof listening === "function" ? listening : () => listening.unlisten();
  return { close: () => void attempt(async () => await unlisten()) };
}

async function listenInPool(
  pool: PgPool,
  ...[channel, onNotice, onLost]: Parameters<OpenSession>
): Promise<Session> {
  const client = await checkOut(pool, onLost);
  // A pool that ends removes its idle clients first, and then waits for this one.
  const onRemove = (): void => void (pool.ending && onLost());
  const release = (): void => {
    pool.off("remove", onRemove);
    client.release(true);
  };
  pool.on("remove", onRemove);
  try {
    client.unref?.(); // the process may end while it listens
    const { close } = await listenOn(client, channel, onNotice, onLost);
    return { close: () => [close, release].forEach((end) => end()) };
  } catch (error) {
    release();
    throw error;
  }
}

/**
 * Takes a client out of the pool. Its errors end the process while nothing listens to them, and one may
 * arrive with the response that says that it is connected: too early for a promise.
 */
function checkOut(pool: PgPool, onLost: () => void): Promise<PooledClient> {
  return new Promise((resolve, reject) =>
    pool.connect((error, client) => {
      if (client === undefined) return reject(error);
      client.on("error", onLost);
      resolve(client);
    })
  );
}

async function listenOn(
  client: PgClient,
  ...[channel, onNotice]: Parameters<OpenSession>
): Promise<Session> {
  const listener = ({ channel: from, payload = "" }: Notification): void => {
    if (from === channel) onNotice(payload);
  };
  client.on("notification", listener);
  try {
    await client.query(`listen "${channel}"`);
  } catch (error) {
    client.off("notification", listener);
    throw error;
  }
  return {
    close() {
      client.off("notification", listener);
      void attempt(() => client.query(`unlisten "${channel}"`));
    },
  };
}

/** Ends a connection, and ignores errors: a broken one has nothing to end. */
async function attempt(end: () => Promise<unknown>): Promise<void> {
  await end().catch(() => {});
}
