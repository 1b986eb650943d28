import type { Command } from "commander";
import { collect, parseDuration, parseInteger, parsePort, parseShare } from "../arguments.ts";
import { CommandError } from "../command_error.ts";
import { withEnvFile } from "../env_file.ts";
import type { CommandIO } from "../io.ts";
import { hostInUrl, startServer } from "../listening.ts";
import { type Heard, heardJson, heardText, Tally } from "../heard.ts";
import { createReceiver, type Received } from "../receiver.ts";
import { GRACE, listenForStop } from "../stop.ts";

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

/** `hooks listen`: a receiver of webhooks. */
export function define(command: Command, io: CommandIO): void {
  command
    .option(
      "-s, --secret <whsec>",
      "the sender's secret, or whpk_; repeatable [HOOKS_SECRET]",
      collect,
    )
    .option("-p, --port <port>", "0: any that is free", parsePort, 9000)
    .option("--host <address>", "where to listen", "127.0.0.1")
    .option("--fail <share>", "fail that many requests, such as 30%", parseShare)
    .option("--status <code>", "what failures answer; alone, all fail", parseInteger(300, 599))
    .option("--delay <duration>", "answer so much later, such as 2s", parseDuration)
    .option("--env-file <file>", "where HOOKS_SECRET stands, unless it is set")
    .option("--full", "print whole payloads, however wide the terminal is")
    .option("--json", "print one JSON object a request")
    .addHelpText(
      "after",
      `
Without a secret every request is taken, and marked as unverified. One on the
command line can be read by whoever lists processes; HOOKS_SECRET can't.

Examples:
  HOOKS_SECRET=whsec_… hooks listen    verify what comes to port 9000
  hooks listen --env-file .env         the same, with HOOKS_SECRET=… in a file
  hooks listen --fail 30% --delay 2s   a receiver on a bad day: see retries
  hooks listen --status 410            a receiver that has gone
`,
    )
    .action((options: Options) => listen(options, io));
}

async function listen(options: Options, io: CommandIO): Promise<void> {
  const secrets = await readSecrets(options, io);
  const receiver = createReceiver(secrets, io);
  const tally = new Tally();
  const stop = listenForStop(io);
  const receive = createAnswerer(options, receiver, io, stop.signal, (heard) => {
    tally.count(heard);
    io.stdout.write(
      `${options.json ? heardJson(heard) : heardText(heard, options.full === true, io)}\n`,
    );
  });
  try {
    const { host: hostname } = options;
    const server = await startServer(io, { hostname, port: options.port }, receive);
    const verified = secrets.length > 0
      ? "verifying with your secret"
      : "verifying nothing: there is no secret";
    io.stderr.write(`listening on http://${hostInUrl(hostname)}:${server.port}/, ${verified}\n`);
    await stop.asked;
    await server.close(GRACE);
  } finally {
    stop.release();
  }
  io.stderr.write(`${tally}\n`);
}

/** Answers requests late, or with a failure, as far as was asked for; and tells of each what it was. */
function createAnswerer(
  options: Options,
  receive: (request: Request) => Promise<Received>,
  io: CommandIO,
  signal: AbortSignal,
  tell: (heard: Heard) => void,
): (request: Request) => Promise<Response> {
  const { status, delay = 0, fail = status === undefined ? 0 : 1 } = options;
  return async (request) => {
    const at = new Date(io.now());
    if (delay > 0) await io.sleep(delay, signal);
    const { response, ...heard } = fail > 0 && io.random() < fail
      ? failure(request, status ?? 500)
      : await receive(request);
    tell({ at, status: response.status, ...heard });
    return response;
  };
}

function failure(request: Request, status: number): Received {
  const body = status === 304 ? null : "failed on demand"; // a 304 has none
  const id = request.headers.get("webhook-id") ?? undefined;
  return { response: new Response(body, { status }), outcome: "failed", verified: false, id };
}

async function readSecrets(
  { secret, envFile }: Options,
  io: CommandIO,
): Promise<readonly string[]> {
  const env = await withEnvFile(io, envFile);
  const text = env("HOOKS_SECRET");
  const given = secret ?? text?.split(/\s+/).filter((part) => part !== "") ?? [];
  if (given.length === 0 && text !== undefined) {
    // Without a secret nothing is verified, so the user must ask for that explicitly.
    throw new CommandError("Cannot verify webhooks as HOOKS_SECRET is empty", [
      "Set it to the sender's secret, or unset it to verify nothing",
    ], 2);
  }
  return given;
}
