import type { Command } from "commander";
import { maskUrl, maskUrls } from "../../internal/mask_url.ts";
import { toHex } from "../../internal/bytes.ts";
import { storeErrorOf } from "../../store/mod.ts";
import type { TargetStats } from "../../outbox/mod.ts";
import { parsePort } from "../arguments.ts";
import { CommandError } from "../command_error.ts";
import { configFault, DEFAULT_CONFIG } from "../config_file.ts";
import type { CommandIO } from "../io.ts";
import { hostInUrl, startServer } from "../listening.ts";
import { Log } from "../serve/log.ts";
import { Service } from "../serve/service.ts";
import { readSettings, type ServeOptions, type Settings } from "../serve/settings.ts";
import { GRACE, listenForStop } from "../stop.ts";
import { count } from "../style.ts";

type Options = ServeOptions & { readonly json?: true };

/** `hooks serve`: hooks over HTTP, with a store. */
export function define(command: Command, io: CommandIO): void {
  command
    .argument("[config]", `webhooks, tokens, … (default: ${DEFAULT_CONFIG}, if there)`)
    .option("-p, --port <port>", "0: any that is free (default: 8787)", parsePort)
    .option("--host <address>", "where to listen (default: 127.0.0.1)")
    .option("--store <path>", "a file, :memory:, or a KV Connect URL (default: hooks.db)")
    .option("--env-file <file>", "variables for ${NAME} in the configuration")
    .option("--json", "log JSON")
    .addHelpText(
      "after",
      `
Tokens stand in the configuration. Without any there is one: HOOKS_TOKEN, or a
new one at each start. SIGHUP reads the configuration again. SIGINT and SIGTERM
end within five seconds, and lose nothing.

Examples:
  hooks serve                   no webhooks yet, but events are taken, and kept
  hooks serve hooks.yaml --env-file .env
  HOOKS_TOKEN=… hooks serve --host 0.0.0.0 --port 80
`,
    )
    .action(async (path: string | undefined, options: Options) => {
      await serve(path, options, io).catch((error) => {
        throw configFault(error, io);
      });
    });
}

async function serve(path: string | undefined, options: Options, io: CommandIO): Promise<void> {
  const generated = createToken();
  let file = path;
  const read = async (): Promise<Settings> => {
    const settings = await readSettings(io, file, options, generated);
    file = settings.file; // from now on it has to be there
    return settings;
  };
  const settings = await read();
  const log = new Log(io, options.json === true);
  const stop = listenForStop(io);
  let service: Service | undefined;
  const answer = (request: Request): Promise<Response> | Response =>
    service?.fetch(request) ?? new Response(null, { status: 503, headers: { "retry-after": "1" } });
  const forget = io.onSignal("SIGHUP", () => {
    if (service) void reload(service, read, log, io);
  });
  try {
    const { host: hostname, port } = settings;
    // Before the store: a second server that was started by mistake delivers nothing.
    const server = await startServer(io, { hostname, port }, answer);
    const opening = openService(io, settings, log);
    try {
      service = await Promise.race([opening, stop.asked.then(() => undefined)]);
      if (service) {
        greet(settings, server.port, log, options, io);
        for (const target of service.leased) sayLeased(target, log);
      }
      await stop.asked;
      log.say("stopping");
    } finally {
      const closed = server.close(GRACE);
      if (service) await service.close();
      else void opening.then((late) => late.close(), () => {}); // a slow store keeps nobody here
      await closed;
    }
    log.say("stopped");
  } finally {
    forget();
    stop.release();
  }
}

async function openService(io: CommandIO, settings: Settings, log: Log): Promise<Service> {
  const store = await io.openStore(settings.store).catch((error: Error) => {
    throw new CommandError(maskUrls(error.message, settings.store), [
      `The store is ${maskUrl(settings.store)}: --store names another`,
      ...adviceOn(error),
    ]);
  });
  try {
    return await Service.open(store, settings, log);
  } catch (error) {
    store.close();
    // What a file can't be checked for alone: webhooks that do not fit the outbox.
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
    service.reload(settings);
    log.say(
      `read ${settings.file ?? "no configuration"} again: ${
        count(settings.webhooks.length, "webhook")
      }`,
    );
  } catch (error) {
    const fault = configFault(error, io);
    const reason = fault instanceof Error ? fault.message : String(fault);
    log.warn(`the configuration stays as it was: ${reason}`);
  }
}

/** Says what is served, and how to send the first event. */
function greet(
  settings: Settings,
  port: number,
  log: Log,
  { json }: Options,
  io: CommandIO,
): void {
  const url = `http://${hostInUrl(settings.host)}:${port}`;
  const { file, generated } = settings;
  const store = maskUrl(settings.store);
  const webhooks = settings.webhooks.length;
  if (json) return log.say("serving", { url, file, store, webhooks, admin_token: generated });
  const token = generated ?? "$HOOKS_TOKEN";
  const origin = file ? ` of ${file}` : ", no configuration";
  const tokenLines = generated
    ? `\nAdmin token, until this process ends:\n  export HOOKS_TOKEN=${generated}\n`
    : "";
  io.stderr.write(`
serving ${url}: ${count(webhooks, "webhook")}${origin}; store ${store}
${tokenLines}
Send an event:
  curl -X POST ${url}/events -H "Authorization: Bearer ${token}" \\
    -H "Content-Type: application/json" \\
    -d '{"type":"message.received","data":{"role":"user","content":"hello"}}'

`);
}

/** Reports deliveries leased by another process, which may no longer be running. */
function sayLeased({ target, leased, leasedUntil }: TargetStats, log: Log): void {
  if (leasedUntil === undefined) return;
  const what = `${count(leased, "delivery", "deliveries")} to ${target}`;
  const until = leasedUntil.toISOString();
  log.say(`${what} leased by another process until ${until}: attempted then if it is gone`);
}

/** What to do about a store that can't be opened. */
function adviceOn(error: unknown): readonly string[] {
  const failed = storeErrorOf(error);
  return failed === undefined || failed.failure === "failed" ? [] : [`It failed: ${failed.advice}`];
}

/** 192 random bits, in characters that need no quotes. */
function createToken(): string {
  return `hk_${toHex(crypto.getRandomValues(new Uint8Array(24)))}`;
}
