import type { Command } from "commander";
import { toHex } from "../../internal/bytes.ts";
import { maskUrl, maskUrls } from "../../internal/mask_url.ts";
import { storeErrorOf } from "../../store/mod.ts";
import type { TargetStats } from "../../outbox/mod.ts";
import { CommandError } from "../errors.ts";
import { hostInUrl, startServer } from "../http_server.ts";
import { GRACE_PERIOD, listenForShutdown, parsePort } from "../input.ts";
import type { CommandIO } from "../io.ts";
import { count } from "../output.ts";
import { Log } from "../serve/log.ts";
import { Service } from "../serve/service.ts";
import {
  DEFAULT_CONFIG,
  readSettings,
  type ServeOptions,
  type Settings,
  toCommandError,
} from "../settings.ts";

type Options = ServeOptions & { readonly json?: true };

/** Defines `hooks serve`: serves hooks over HTTP, with a store. */
export function define(command: Command, io: CommandIO): void {
  command
    .argument("[config]", `configuration file (default: ${DEFAULT_CONFIG}, if it exists)`)
    .option("-p, --port <port>", "port to listen on; 0 picks a free one (default: 8787)", parsePort)
    .option("--host <address>", "address to listen on (default: 127.0.0.1)")
    .option(
      "--store <store>",
      "file, :memory:, postgres://…, or KV Connect URL (default: hooks.db)",
    )
    .option("--env-file <file>", "file with variables for ${NAME} in the configuration")
    .option("--json", "log JSON")
    .addHelpText(
      "after",
      `
Tokens come from the configuration. If it has none, there is a single token:
HOOKS_TOKEN, or a new one that is printed at each start. SIGHUP reloads the
configuration. SIGINT and SIGTERM stop it within five seconds. No event is lost.
HOOKS_ENCRYPTION_KEY enables \`hooks webhooks\`: it encrypts stored secrets.

Examples:
  hooks serve                   accept and store events, without webhooks
  hooks serve hooks.yaml --env-file .env
  HOOKS_TOKEN=… hooks serve --host 0.0.0.0 --port 80
`,
    )
    .action(async (path: string | undefined, options: Options) => {
      await serve(path, options, io).catch((error) => {
        throw toCommandError(error, io);
      });
    });
}

async function serve(path: string | undefined, options: Options, io: CommandIO): Promise<void> {
  const read = settingsReader(path, options, io);
  const settings = await read();
  const log = new Log(io, options.json === true);
  const shutdown = listenForShutdown(io);
  let service: Service | undefined;
  const handle = (request: Request): Promise<Response> | Response =>
    service?.fetch(request) ?? new Response(null, { status: 503, headers: { "retry-after": "1" } });
  let reloading = Promise.resolve();
  const releaseReload = io.onSignal("SIGHUP", () => {
    const running = service;
    if (running) reloading = reloading.then(() => reload(running, read, log, io));
  });
  try {
    const { host: hostname, port } = settings;
    // Before it opens the store: a second server that was started by mistake must not deliver anything.
    const server = await startServer(io, { hostname, port }, handle);
    const opening = openService(io, settings, log);
    try {
      service = await Promise.race([opening, shutdown.requested.then(() => undefined)]);
      if (service) {
        greet(settings, server.port, log, options, io);
        for (const target of service.leased) reportLeased(target, log);
      }
      await shutdown.requested;
      log.info("stopping");
    } finally {
      const closed = server.close(GRACE_PERIOD);
      if (service) await service.close();
      else void opening.then((late) => late.close(), () => {}); // don't wait for a slow store
      await closed;
    }
    log.info("stopped");
  } finally {
    releaseReload();
    shutdown.release();
  }
}

/** Returns what reads the settings, with the same generated token each time. */
function settingsReader(
  path: string | undefined,
  options: Options,
  io: CommandIO,
): () => Promise<Settings> {
  const generatedToken = createToken();
  let file = path;
  return async () => {
    const settings = await readSettings(io, file, options, generatedToken);
    file = settings.file; // from now on, it must exist
    return settings;
  };
}

async function openService(io: CommandIO, settings: Settings, log: Log): Promise<Service> {
  const store = await io.openStore(settings.store, (notice) => log.info(notice)).catch(
    (error: Error) => {
      if (error instanceof CommandError) throw error;
      const failed = storeErrorOf(error);
      throw new CommandError(maskUrls(error.message, settings.store), [
        `The store is ${maskUrl(settings.store)}; choose another one with --store`,
        ...failed === undefined || failed.failure === "failed" ? [] : [`Reason: ${failed.advice}`],
      ]);
    },
  );
  try {
    return await Service.open(store, settings, log, io);
  } catch (error) {
    store.close();
    // Webhooks that don't fit the outbox: only the outbox can tell.
    throw error instanceof TypeError || error instanceof RangeError
      ? new CommandError(error.message)
      : error;
  }
}

async function reload(
  service: Service,
  read: () => Promise<Settings>,
  log: Log,
  io: CommandIO,
): Promise<void> {
  try {
    const settings = await read();
    await service.reload(settings);
    const file = settings.file ?? "no configuration";
    log.info(`reloaded ${file}: ${countOf(settings)}`);
  } catch (error) {
    const expected = toCommandError(error, io);
    const reason = expected instanceof Error ? expected.message : String(expected);
    log.warn(`kept the current configuration: ${reason}`);
  }
}

function countOf({ webhooks, gates }: Settings): string {
  const counted = count(webhooks.length, "webhook");
  return gates.length > 0 ? `${counted}, ${count(gates.length, "gate")}` : counted;
}

/** Prints where and what it serves, and how to send the first event. */
function greet(
  settings: Settings,
  port: number,
  log: Log,
  { json }: Options,
  io: CommandIO,
): void {
  const { host, file, store, webhooks, gates, generatedToken } = settings;
  const url = `http://${hostInUrl(host)}:${port}`;
  const shownStore = maskUrl(store);
  if (json) {
    return log.info("serving", {
      url,
      console: `${url}/console`,
      file,
      store: shownStore,
      webhooks: webhooks.length,
      ...(gates.length > 0 && { gates: gates.length }),
      admin_token: generatedToken,
    });
  }
  const source = file ? ` from ${file}` : ", no configuration";
  const tokenLines = generatedToken
    ? `\nAdmin token, valid until this process ends:\n  export HOOKS_TOKEN=${generatedToken}\n`
    : "";
  io.stderr.write(`
serving ${url}: ${countOf(settings)}${source}; store ${shownStore}
console ${url}/console, for tokens with the scope read, approve, or admin
${tokenLines}
Send an event:
  curl -X POST ${url}/events -H "Authorization: Bearer ${generatedToken ?? "$HOOKS_TOKEN"}" \\
    -H "Content-Type: application/json" \\
    -d '{"type":"message.received","data":{"role":"user","content":"hello"}}'

`);
}

/** Reports deliveries leased by another process, which may no longer be running. */
function reportLeased({ target, leased, leasedUntil }: TargetStats, log: Log): void {
  if (leasedUntil === undefined) return;
  const deliveries = count(leased, "delivery", "deliveries");
  const until = leasedUntil.toISOString();
  log.info(
    `${deliveries} to ${target} leased by another process until ${until}, then attempted here if it is gone`,
  );
}

/** Returns a token of 192 random bits, in characters that need no quotes. */
function createToken(): string {
  return `hk_${toHex(crypto.getRandomValues(new Uint8Array(24)))}`;
}
