import type { Command } from "commander";
import { toWire } from "../../core/event_codec.ts";
import { CommandError } from "../errors.ts";
import { hostInUrl, startServer } from "../http_server.ts";
import { collect, parseDuration, parseInteger, parsePort, parseRate, readEnv } from "../input.ts";
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
import { GRACE_PERIOD, listenForShutdown } from "../shutdown_signal.ts";
import { createReceiver, type Outcome, type ReceivedRequest } from "../webhook_receiver.ts";

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

/** A request with when it arrived. */
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

/** Formats a request: the response to it, when it arrived, and what was in it. */
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
