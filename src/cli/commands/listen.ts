import type { Command } from "commander";
import { toWire } from "../../core/event_codec.ts";
import type { HookEvent } from "../../core/mod.ts";
import { silentLogger } from "../../core/reporter.ts";
import { readBytes } from "../../internal/bytes.ts";
import {
  createWebhookSigner,
  generateSecret,
  webhookReceiver,
  WebhookVerificationError,
} from "../../webhook/mod.ts";
import { CommandError } from "../errors.ts";
import { hostInUrl, startServer } from "../http_server.ts";
import {
  collect,
  GRACE_PERIOD,
  listenForShutdown,
  parseDuration,
  parseInteger,
  parsePort,
  parseRate,
  readEnv,
} from "../input.ts";
import type { CommandIO } from "../io.ts";
import {
  count,
  fitWidth,
  formatClock,
  formatEvent,
  jsonText,
  printable,
  styleOf,
} from "../output.ts";

type Options = {
  readonly envFile?: string;
  readonly secret?: readonly string[];
  readonly host: string;
  readonly port: number;
  readonly fail?: number;
  readonly status?: number;
  readonly delay?: number;
  readonly full?: true;
  readonly json?: true;
};

/** Defines `hooks listen`: receives webhooks. */
export function define(command: Command, io: CommandIO): void {
  command
    .option("-s, --secret <whsec>", "secret or whpk_ key; repeatable [HOOKS_SECRET]", collect)
    .option("-p, --port <port>", "port to listen on; 0 picks a free one", parsePort, 9000)
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--fail <rate>", "fail a share of requests, such as 30%", parseRate)
    .option(
      "--status <code>",
      "HTTP status for simulated failures (without --fail: every request)",
      parseInteger(300, 599),
    )
    .option("--delay <duration>", "delay responses, for example by 2s", parseDuration)
    .option("--env-file <file>", "file to read HOOKS_SECRET from")
    .option("--full", "don't shorten payloads to the terminal's width")
    .option("--json", "print one JSON object per request")
    .addHelpText(
      "after",
      `
Without a secret, all requests are accepted and marked as unverified. Other
users of this machine can see a secret on the command line; prefer HOOKS_SECRET.

Examples:
  HOOKS_SECRET=whsec_… hooks listen    receive and verify webhooks on port 9000
  hooks listen --env-file .env         read HOOKS_SECRET=… from a file
  hooks listen --fail 30% --delay 2s   simulate an unreliable receiver
  hooks listen --status 410            simulate a receiver that is gone
`,
    )
    .action((options: Options) => listen(options, io));
}

async function listen(options: Options, io: CommandIO): Promise<void> {
  const { host: hostname, port, json, full } = options;
  const secrets = await readSecrets(options, io);
  const receive = createReceiver(secrets, io);
  const summary = new Summary();
  const shutdown = listenForShutdown(io);
  const handle = simulating(options, receive, io, shutdown.signal, (request) => {
    summary.add(request);
    io.stdout.write(`${json ? toJson(request) : formatRequest(request, full, io)}\n`);
  });
  try {
    const server = await startServer(io, { hostname, port }, handle);
    const mode = secrets.length > 0 ? "verifying signatures" : "not verifying: no secret";
    io.stderr.write(`listening on http://${hostInUrl(hostname)}:${server.port}/, ${mode}\n`);
    await shutdown.requested;
    await server.close(GRACE_PERIOD);
  } finally {
    shutdown.release();
  }
  io.stderr.write(`${summary}\n`);
}

/** Returns the secrets of options or environment. */
async function readSecrets(
  { secret, envFile }: Options,
  io: CommandIO,
): Promise<readonly string[]> {
  const env = await readEnv(io, envFile);
  const text = env("HOOKS_SECRET");
  const secrets = secret ?? text?.split(/\s+/).filter((part) => part !== "") ?? [];
  if (secrets.length === 0 && text !== undefined) {
    // Not verifying has to be an explicit choice.
    throw new CommandError("Cannot verify webhooks: HOOKS_SECRET is empty", [
      "Set it to the sender's secret, or unset it to accept unverified requests",
    ], 2);
  }
  return secrets;
}

/** A request, and when it arrived. */
type LoggedRequest = Omit<ReceivedRequest, "response"> & {
  readonly at: Date;
  readonly status: number;
};

/** Adds delays and simulated failures to a receiver, and reports each request. */
function simulating(
  options: Options,
  receive: (request: Request) => Promise<ReceivedRequest>,
  io: CommandIO,
  signal: AbortSignal,
  report: (request: LoggedRequest) => void,
): (request: Request) => Promise<Response> {
  const { status, delay = 0, fail = status === undefined ? 0 : 1 } = options;
  return async (request) => {
    const at = new Date(io.now());
    if (delay > 0) await io.sleep(delay, signal);
    const { response, ...received } = fail > 0 && io.random() < fail
      ? simulatedFailure(request, status ?? 500)
      : await receive(request);
    report({ at, status: response.status, ...received });
    return response;
  };
}

function simulatedFailure(request: Request, status: number): ReceivedRequest {
  const body = status === 304 ? null : "simulated failure"; // a 304 has no body
  const id = request.headers.get("webhook-id") ?? undefined;
  return { response: new Response(body, { status }), outcome: "failed", verified: false, id };
}

function toJson({ event, ...request }: LoggedRequest): string {
  return jsonText({ ...request, ...(event ? { event: toWire(event) } : {}) });
}

/** Formats a request: its response, when it arrived, and what it contained. */
function formatRequest(request: LoggedRequest, full: true | undefined, io: CommandIO): string {
  const { at, outcome, status, verified, event, code, detail } = request;
  const style = styleOf(io, io.stdout);
  const [words, color] = {
    received: verified ? ["verified", style.green] as const : ["unverified", style.yellow] as const,
    duplicate: ["duplicate", style.dim] as const,
    failed: ["simulated", style.yellow] as const,
    refused: ["rejected", style.red] as const,
  }[outcome];
  const label = words.padEnd(10);
  const colored = `${status} ${color(label)}`;
  if (event) {
    const columns = fitWidth(io.stdout, full);
    const format = { plain: `${status} ${label}`, colored };
    return formatEvent(event, { arrival: at, style, columns, status: format });
  }
  const id = printable(request.id ?? "no id");
  const reason = outcome === "refused" ? ` ${printable(`${code}: ${detail}`)}` : "";
  return `${colored} ${style.dim(formatClock(at))} ${id}${reason}`;
}

/** Counts requests by outcome. */
class Summary {
  readonly #counts: Record<Outcome, number> = { received: 0, duplicate: 0, refused: 0, failed: 0 };
  #verified = 0;

  /** Counts a request. */
  add({ outcome, verified }: Pick<LoggedRequest, "outcome" | "verified">): void {
    this.#counts[outcome]++;
    if (outcome === "received" && verified) this.#verified++;
  }

  /** Formats the counts. */
  toString(): string {
    const { received, duplicate, refused, failed } = this.#counts;
    return `${count(received + duplicate + refused + failed, "request")}: ${received} received ` +
      `(${this.#verified} verified), ${duplicate} duplicate, ${refused} rejected, ${failed} simulated failures`;
  }
}

/** The longest body that is read, in bytes: the limit of `webhookReceiver`. */
const MAX_BODY = 1_048_576;
/** How long a body may take to arrive, in milliseconds: as long as with a secret. */
const BODY_TIMEOUT = 10_000;

/** What happened to a request. */
type Outcome = "received" | "duplicate" | "refused" | "failed";

/** A request and its response. */
type ReceivedRequest = {
  readonly response: Response;
  /** `refused`: the sender's error; `failed`: a simulated failure. */
  readonly outcome: Outcome;
  /** Whether one of the secrets signed it. */
  readonly verified: boolean;
  /** Its `webhook-id`, or the event's id. */
  readonly id?: string | undefined;
  /** Its event, if it was received. */
  readonly event?: HookEvent | undefined;
  /** Why it was refused, as a code and in words. */
  readonly code?: string | undefined;
  readonly detail?: string | undefined;
};

/**
 * Returns a function that receives webhooks signed with one of the secrets; without secrets, all.
 *
 * @throws {CommandError} when a secret is invalid
 */
function createReceiver(
  secrets: readonly string[],
  io: CommandIO,
): (request: Request) => Promise<ReceivedRequest> {
  // Without a secret, requests are signed with a generated one and then verified like all others.
  const ownSecret = secrets.length === 0 ? generateSecret() : undefined;
  const signer = ownSecret === undefined ? undefined : createWebhookSigner(ownSecret);
  const events = new WeakMap<Headers, HookEvent>();
  const receive = checkingSecrets(() =>
    webhookReceiver((event, { headers }) => void events.set(headers, event), {
      secrets: ownSecret ?? secrets,
      now: () => io.now(),
      logger: silentLogger, // what went wrong is in the response, and printed from there
    })
  );
  return async (arrived) => {
    const request = signer ? await sign(arrived, signer, io.now()) : arrived;
    const response = request ? await receive(request) : bodyTimeout();
    const id = arrived.headers.get("webhook-id") ?? undefined;
    const event = request && events.get(request.headers);
    if (event !== undefined) {
      const verified = signer === undefined;
      return { response, outcome: "received", verified, id: event.id, event };
    }
    const { code, detail, duplicate }: ResponseBody = await response.clone().json();
    const outcome = duplicate ? "duplicate" : "refused";
    const verified = signer === undefined && outcome === "duplicate";
    return { response, outcome, verified, id, code, detail };
  };
}

type ResponseBody = {
  readonly code?: string;
  readonly detail?: string;
  readonly duplicate?: boolean;
};

function checkingSecrets<Value>(create: () => Value): Value {
  try {
    return create();
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    throw new CommandError(error.message, ["Run `hooks secret` to generate one"], 2);
  }
}

/**
 * Signs a request, whose id is replaced if it is invalid. Returns the request as is if it has no
 * body, and undefined if the body does not arrive in time.
 */
async function sign(
  request: Request,
  signer: ReturnType<typeof createWebhookSigner>,
  now: number,
): Promise<Request | undefined> {
  if (request.body === null) return request;
  const { method, url } = request;
  const headers = new Headers(request.headers);
  const body = await readBytes(request.body, { maxBytes: MAX_BODY, timeout: BODY_TIMEOUT });
  if (body === "too_slow") return undefined;
  if (body === "too_large") {
    headers.set("content-length", String(MAX_BODY + 1)); // which the receiver rejects
    return new Request(url, { method, headers });
  }
  const given = headers.get("webhook-id") ?? "";
  // Matches a `webhook-id` that Standard Webhooks accepts and that can be signed.
  const isValid = /^[\x21-\x7e]{1,256}$/.test(given) && !/[.,]/.test(given);
  const id = isValid ? given : crypto.randomUUID();
  const signed = await signer.sign(body, { id, timestamp: new Date(now) });
  for (const [name, value] of Object.entries(signed)) headers.set(name, value);
  return new Request(url, { method, headers, body });
}

/** Returns the response of `webhookReceiver` to a body that does not arrive in time. */
function bodyTimeout(): Response {
  const problem = { type: "about:blank", status: 408, code: "body_timeout" };
  const detail = "The body did not arrive in time";
  return Response.json({ ...problem, detail }, { status: 408, headers: { connection: "close" } });
}
