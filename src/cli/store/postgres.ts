import { type PostgresClient, PostgresStore } from "../../stores/postgres/mod.ts";
import { CommandError } from "../errors.ts";

/** Connections of one process. The server's default limit is 100 for all (`max_connections`). */
const CONNECTIONS = 10;
/** How long a connection may take, in seconds: less than the 5 s after which supervisors give up. */
const CONNECT_TIMEOUT = 4;

/** A client that was opened here. */
type OpenClient = {
  readonly client: PostgresClient;
  close(): Promise<void>;
};

/**
 * Opens a store in PostgreSQL, and creates or updates its schema. Uses `Bun.sql` on Bun, otherwise the
 * user's `pg` or `postgres`.
 *
 * @throws {CommandError} when no client is installed
 * @throws {StoreError} when it can't connect, or can't create its schema
 */
export async function openPostgres(url: string): Promise<PostgresStore> {
  const { client, close } = await connectPostgres(url);
  const store = new OwningStore(client, close);
  try {
    await store.migrate();
    return store;
  } catch (error) {
    store.close();
    throw error;
  }
}

/** Closes its client, too. */
class OwningStore extends PostgresStore {
  readonly #close: () => Promise<void>;

  constructor(client: PostgresClient, close: () => Promise<void>) {
    super(client);
    this.#close = close;
  }

  override close(): void {
    super.close();
    void this.#close().catch(() => {}); // a connection that is broken is closed
  }
}

type Sql = PostgresClient & { end(options?: { readonly timeout: number }): Promise<void> };

type PgPool = PostgresClient & {
  on(event: "error", listener: () => void): void;
  end(): Promise<void>;
};

/** Connects with the client that is installed. @throws {CommandError} when there is none */
export async function connectPostgres(url: string): Promise<OpenClient> {
  const open = openBunClient(url) ?? await openPgPool(url) ?? await openPostgresJs(url);
  if (open !== undefined) return open;
  const install = "Deno" in globalThis ? "deno add npm:pg" : "npm install pg";
  throw new CommandError("Cannot use PostgreSQL: no client is installed", [
    `Run \`${install}\` in this directory; the package 'postgres' works, too`,
  ]);
}

function openBunClient(url: string): OpenClient | undefined {
  const { Bun } = globalThis as {
    readonly Bun?: {
      readonly SQL?: new (url: string, options: object) => PostgresClient & {
        close(options?: { readonly timeout: number }): Promise<void>;
      };
    };
  };
  if (Bun?.SQL === undefined) return undefined;
  const client = new Bun.SQL(url, {
    max: CONNECTIONS,
    connectionTimeout: CONNECT_TIMEOUT,
    prepare: false, // the URL may be a pooler's
  });
  return { client, close: () => client.close({ timeout: 0 }) };
}

async function openPgPool(url: string): Promise<OpenClient | undefined> {
  const pg = await load<{ Pool?: new (options: object) => PgPool }>("pg");
  if (pg?.Pool === undefined) return undefined;
  const client = new pg.Pool({
    connectionString: url,
    max: CONNECTIONS,
    connectionTimeoutMillis: 1000 * CONNECT_TIMEOUT,
    application_name: "hooks",
  });
  client.on("error", () => {}); // an idle connection broke: the next call connects again
  return { client, close: () => client.end() };
}

async function openPostgresJs(url: string): Promise<OpenClient | undefined> {
  const postgres = await load<(url: string, options: object) => Sql>("postgres");
  if (postgres === undefined) return undefined;
  const client = postgres(url, {
    max: CONNECTIONS,
    connect_timeout: CONNECT_TIMEOUT,
    connection: { application_name: "hooks" },
    onnotice: () => {},
  });
  return { client, close: () => client.end({ timeout: 0 }) };
}

/**
 * Loads a package that the user installed: next to this package, or, if this one is installed globally, in
 * the working directory.
 */
async function load<Module>(name: string): Promise<Module | undefined> {
  const module = await import(name).catch(onMissing) ?? await loadFromWorkingDirectory(name);
  return module?.default ?? module;
}

async function loadFromWorkingDirectory(name: string) {
  const { createRequire } = await import("node:module");
  const { pathToFileURL } = await import("node:url");
  const { process } = globalThis as unknown as { readonly process: { cwd(): string } };
  try {
    const path = createRequire(`${process.cwd()}/package.json`).resolve(name);
    return await import(pathToFileURL(path).href);
  } catch (error) {
    return onMissing(error);
  }
}

/** Returns undefined if a package is not installed, and rethrows other errors. */
function onMissing(error: unknown): undefined {
  const { code } = error as { readonly code?: string };
  if (!/^(?:ERR_)?MODULE_NOT_FOUND$/.test(code ?? "")) throw error;
  return undefined;
}
