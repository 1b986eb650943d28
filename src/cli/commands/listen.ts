import type { Command } from "commander";
import { webhookReceiver, WebhookVerificationError } from "../../webhook/mod.ts";
import { collect, parseDuration, parseInteger, parsePort, parseShare } from "../arguments.ts";
import { CommandError } from "../command_error.ts";
import type { CommandIO } from "../io.ts";
import { hostInUrl, startServer } from "../listening.ts";
import { type Heard, heardJson, heardText, Tally } from "../heard.ts";
import { signUnsigned } from "../sign_unsigned.ts";
import { GRACE, listenForStop } from "../stop.ts";

type Options = {
  readonly secret?: readonly string[];
  readonly host: string;
  readonly port: number;
  readonly fail?: number;
  readonly status?: number;
  readonly delay?: number;
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
    .option("--json", "print one JSON object a request")
    .addHelpText(
      "after",
      `
Without a secret every request is taken, and marked as unverified.

Examples:
  HOOKS_SECRET=whsec_… hooks listen      verify and print what comes to http://127.0.0.1:9000/
  hooks listen --fail 30% --delay 2s     a receiver on a bad day: see retries at work
  hooks listen --status 410              a receiver that has gone
`,
    )
    .action((options: Options) => listen(options, io));
}

async function listen(options: Options, io: CommandIO): Promise<void> {
  const tally = new Tally();
  const stop = listenForStop(io);
  const receive = createReceiver(options, io, stop.signal, (heard) => {
    tally.count(heard);
    io.stdout.write(`${options.json ? heardJson(heard) : heardText(heard, io)}\n`);
  });
  try {
    const { host: hostname } = options;
    const server = await startServer(io, { hostname, port: options.port }, receive);
    const verified = secretsOf(options, io).length > 0
      ? "verifying with your secret"
      : "verifying nothing: there is no --secret";
    io.stderr.write(`listening on http://${hostInUrl(hostname)}:${server.port}/, ${verified}\n`);
    await stop.asked;
    await server.close(GRACE);
  } finally {
    stop.release();
  }
  io.stderr.write(`${tally}\n`);
}

/** Answers requests, and tells of each what it was. */
function createReceiver(
  options: Options,
  io: CommandIO,
  signal: AbortSignal,
  tell: (heard: Heard) => void,
): (request: Request) => Promise<Response> {
  const secrets = secretsOf(options, io);
  const unsigned = secrets.length === 0 ? signUnsigned() : undefined;
  const events = new WeakMap<Headers, Heard["event"]>();
  const receive = verifying(() =>
    webhookReceiver((event, { headers }) => void events.set(headers, event), {
      secrets: unsigned?.secret ?? secrets,
      now: io.now,
    })
  );
  const { status, delay = 0, fail = status === undefined ? 0 : 1 } = options;

  return async (arrived) => {
    const at = new Date(io.now());
    const id = arrived.headers.get("webhook-id") ?? undefined;
    if (delay > 0) await io.sleep(delay, signal);
    if (fail > 0 && io.random() < fail) {
      const response = new Response("failed on demand", { status: status ?? 500 });
      tell({ at, outcome: "failed", status: response.status, verified: false, id });
      return response;
    }
    const request = unsigned ? await unsigned.sign(arrived) : arrived;
    const response = await receive(request);
    const event = events.get(request.headers);
    const { code, detail, duplicate } = event ? {} as Answer : await answerOf(response);
    const outcome = event ? "received" : duplicate ? "duplicate" : "refused";
    const verified = unsigned === undefined && outcome !== "refused";
    tell({
      at,
      outcome,
      status: response.status,
      verified,
      id: event?.id ?? id,
      event,
      code,
      detail,
    });
    return response;
  };
}

type Answer = { readonly code?: string; readonly detail?: string; readonly duplicate?: boolean };

async function answerOf(response: Response): Promise<Answer> {
  return await response.clone().json();
}

function secretsOf({ secret }: Options, io: CommandIO): readonly string[] {
  const fromEnv = io.env("HOOKS_SECRET")?.split(/\s+/).filter((part) => part !== "") ?? [];
  return secret ?? fromEnv;
}

/** A secret that is none is the user's mistake. */
function verifying<Value>(create: () => Value): Value {
  try {
    return create();
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    throw new CommandError(error.message, ["hooks secret makes one"], 2);
  }
}
