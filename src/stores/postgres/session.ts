/** A connection of its own that receives notifications. */
export type Session = {
  /** Ends it, without waiting. */
  close(): void;
};

/**
 * Opens a session that listens to a channel. `onNotice` receives the payload of each notification. `onLost`
 * is called when the connection ends, if the client tells.
 */
export type OpenSession = (
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
 * Returns how a client opens a session, by its form; undefined if it can't. A pool of one connection needs
 * that for queries.
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

/** A connection that is broken has nothing to end. */
async function attempt(end: () => Promise<unknown>): Promise<void> {
  await end().catch(() => {});
}
