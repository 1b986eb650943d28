/**
 * A real PostgreSQL server for tests, and PgBouncer before it: Debian's packages `postgresql` and
 * `pgbouncer`, started in a folder of their own.
 * @module
 */
import { execFile } from "node:child_process";
import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** A server that runs, and how to reach it. */
type PostgresServer = {
  /** Over TCP. */
  readonly url: string;
  /** Over TCP with TLS; the certificate is self-signed. */
  readonly port: number;
  /** Through PgBouncer in transaction mode; undefined where PgBouncer isn't installed. */
  readonly pooledUrl: string | undefined;
  /** The text of the server's log. */
  log(): Promise<string>;
  /** Ends it as a crash does, and starts it again. */
  crash(): Promise<void>;
  /** Ends a third of the connections of this package's command, as an administrator does. */
  endConnections(): Promise<void>;
  /** Creates another database. */
  createDatabase(name: string): Promise<void>;
  /** Runs a statement in a database. Resolves to its rows, as texts. */
  query(database: string, sql: string): Promise<string>;
  stop(): Promise<void>;
};

/** The folder of the server's programs; undefined, with a printed line, where it isn't installed. */
export async function findPostgres(what: string): Promise<string | undefined> {
  const base = "/usr/lib/postgresql";
  const versions = await readdir(base).catch(() => []);
  const found = versions.sort((a, b) => Number(b) - Number(a))[0];
  if (found === undefined) {
    console.log(`${what}: left out, as PostgreSQL is not installed in ${base}`);
    return undefined;
  }
  return join(base, found, "bin");
}

/** Starts a server, and PgBouncer if it is installed. `extra` are settings of the server. */
export async function startPostgres(
  bin: string,
  extra: Readonly<Record<string, string | number>> = {},
): Promise<PostgresServer> {
  const folder = await mkdtemp(join(tmpdir(), "postgres-"));
  await chmod(folder, 0o777);
  const [port, pooledPort] = [await freePort(), await freePort()];
  const data = join(folder, "data");
  const settings = [
    `-p ${port}`,
    "-c listen_addresses=127.0.0.1",
    `-c unix_socket_directories=${folder}`,
    "-c ssl=on",
    `-c ssl_cert_file=${folder}/server.crt`,
    `-c ssl_key_file=${folder}/server.key`,
    "-c deadlock_timeout=200ms",
    ...Object.entries(extra).map(([name, value]) => `-c ${name}=${value}`),
  ].join(" ");
  const start = `${bin}/pg_ctl -w -D ${data} -l ${folder}/log -o "${settings}" start >/dev/null`;
  await asPostgres(
    `${bin}/initdb -D ${data} -A trust -U postgres -E UTF8 --locale=C --no-sync >/dev/null`,
  );
  await asPostgres(
    `openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -keyout ${folder}/server.key ` +
      `-out ${folder}/server.crt 2>/dev/null && chmod 600 ${folder}/server.key`,
  );
  await asPostgres(start);
  const isPooled = await startPgBouncer(folder, port, pooledPort);
  const at = (where: number) => `postgres://postgres@127.0.0.1:${where}/postgres`;
  return {
    url: at(port),
    port,
    pooledUrl: isPooled ? at(pooledPort) : undefined,
    log: async () => (await shell(`cat ${folder}/log`)).stdout,
    async crash() {
      await asPostgres(`${bin}/pg_ctl -w -D ${data} -m immediate stop >/dev/null`);
      await asPostgres(start);
    },
    async endConnections() {
      const sql = "select pg_terminate_backend(pid) from pg_stat_activity " +
        "where application_name = 'hooks' and random() < 0.34";
      await shell(`${bin}/psql -q -U postgres -h 127.0.0.1 -p ${port} -c "${sql}" >/dev/null 2>&1`);
    },
    async createDatabase(name) {
      await shell(`${bin}/createdb -U postgres -h 127.0.0.1 -p ${port} ${name}`);
    },
    async query(database, sql) {
      const { stdout } = await shell(
        `${bin}/psql -qAt -U postgres -h 127.0.0.1 -p ${port} -d ${database} -c "${sql}"`,
      );
      return stdout.trim();
    },
    async stop() {
      if (isPooled) await asPostgres(`kill $(cat ${folder}/pgbouncer.pid)`);
      await asPostgres(`${bin}/pg_ctl -w -D ${data} -m immediate stop >/dev/null`);
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

async function startPgBouncer(folder: string, port: number, pooledPort: number): Promise<boolean> {
  const { stdout } = await shell("PATH=$PATH:/usr/sbin command -v pgbouncer || true");
  const program = stdout.trim();
  if (program === "") {
    console.log("PgBouncer: left out, as it is not installed");
    return false;
  }
  const settings = `[databases]
postgres = host=127.0.0.1 port=${port} dbname=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${pooledPort}
auth_type = any
unix_socket_dir =
pool_mode = transaction
default_pool_size = 4
logfile = ${folder}/pgbouncer.log
pidfile = ${folder}/pgbouncer.pid
ignore_startup_parameters = extra_float_digits
`;
  const database = settings.replace("dbname=postgres", "dbname=postgres user=postgres");
  await writeFile(join(folder, "pgbouncer.ini"), database);
  await asPostgres(`${program} -q -d ${folder}/pgbouncer.ini`);
  return true;
}

/** PostgreSQL and PgBouncer refuse to run as root. */
async function asPostgres(command: string): Promise<void> {
  const { stdout } = await shell("id -u");
  if (stdout.trim() === "0") await execute("su", ["postgres", "-s", "/bin/sh", "-c", command]);
  else await shell(command);
}

function shell(command: string): Promise<{ readonly stdout: string }> {
  return execute("/bin/sh", ["-c", command], { maxBuffer: 64 * 1024 * 1024 });
}

/** Returns a free port below those that systems give to outgoing connections. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}
