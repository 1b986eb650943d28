import type { Command } from "commander";
import type { ReceiptJson } from "../../hono/post_events.ts";
import { addServerOptions, connect, type ServerOptions } from "../client.ts";
import { CommandError } from "../errors.ts";
import { parseInput, parseInteger, readStdin, readText } from "../input.ts";
import type { CommandIO } from "../io.ts";
import { count, printable, styleOf } from "../output.ts";
import { correlationOf, postEvents, sendLines } from "../send_lines.ts";

/** The most events that a server accepts in one request. */
const MAX_BATCH = 100;

type Options = ServerOptions & {
  readonly session?: string;
  readonly run?: string;
  readonly traceparent?: string;
  readonly idempotencyKey?: string;
  readonly wait?: true;
  readonly batch: number;
  readonly json?: true;
};

/** Defines `hooks send`: sends events to a server. */
export function define(command: Command, io: CommandIO): void {
  command
    .argument("[type]", "event type; without it, reads events from stdin")
    .argument("[data]", "JSON, @file, or - for stdin (default: {})")
    .option("-s, --session <id>", "session id of the event")
    .option("--run <id>", "run id of the event")
    .option("--traceparent <value>", "trace of the event (W3C Trace Context)")
    .option("-k, --idempotency-key <key>", "idempotency key: repeated sends are ignored")
    .option("-w, --wait", "wait for handlers, print their results, fail if one fails")
    .option(
      "--batch <count>",
      "maximum number of events per request",
      parseInteger(1, MAX_BATCH),
      MAX_BATCH,
    )
    .option("--json", "print receipts as JSON");
  addServerOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  hooks send tool.called '{"name":"bash","params":{}}' --session s-1
  hooks send message.received @message.json --wait
  hooks send <events.ndjson     one {"type":…,"data":…,"session_id":…} per line
`,
    )
    .action((type: string | undefined, data: string | undefined, options: Options) =>
      type === undefined ? sendStdin(options, io) : sendOne({ type, data }, options, io)
    );
}

async function sendOne(
  { type, data }: { readonly type: string; readonly data: string | undefined },
  options: Options,
  io: CommandIO,
): Promise<void> {
  const { client } = connect(options, io);
  const event = { type, data: await readData(data, io), ...correlationOf(options) };
  const receipts = await postEvents(client, event, options);
  for (const receipt of receipts) printReceipt(receipt, options, io);
  const handlers = receipts.flatMap(({ handlers = [] }) => handlers);
  const failed = handlers.filter(({ ok }) => !ok).length;
  if (failed > 0) throw new CommandError(`${failed} of ${handlers.length} handlers failed`);
}

async function sendStdin(options: Options, io: CommandIO): Promise<void> {
  if (io.stdin.isTerminal) {
    throw new CommandError("Nothing to send: pass an event type, or pipe events to stdin", [
      "Run `hooks send --help` for examples",
    ], 2);
  }
  const context = connect(options, io);
  const { accepted, duplicates, failed } = await sendLines(context, (receipt) => {
    if (options.json || options.wait) printReceipt(receipt, options, io);
  });
  const suffix = duplicates > 0 ? ` (${count(duplicates, "duplicate")})` : "";
  io.stderr.write(`${count(accepted, "event")} accepted${suffix}\n`);
  if (failed > 0) throw new CommandError(`Handlers failed for ${count(failed, "event")}`);
}

async function readData(text: string | undefined, io: CommandIO): Promise<unknown> {
  if (text === undefined) return {};
  const json = text === "-"
    ? await readStdin(io, "the data")
    : text.startsWith("@")
    ? await readText(io, text.slice(1), "the data")
    : text;
  const value = parseInput(json, "the data");
  if (value !== undefined) return value;
  throw new CommandError("Cannot send the data: it is not JSON", [
    `Quote it for your shell: '{"name":"bash"}'`,
  ], 2);
}

/** Prints a receipt and the results of handlers; with `json`, one JSON object per line. */
function printReceipt(receipt: ReceiptJson, { json }: Options, io: CommandIO): void {
  if (json) return io.stdout.write(`${JSON.stringify(receipt)}\n`);
  const { green, red, yellow } = styleOf(io, io.stdout);
  const { id, deliveries, duplicate, handlers = [] } = receipt;
  const state = duplicate ? yellow("duplicate") : green("accepted");
  io.stdout.write(`${state} ${printable(id)}, ${count(deliveries, "delivery", "deliveries")}\n`);
  for (const { name, ok, error } of handlers) {
    const mark = ok ? green("ok    ") : red("failed");
    io.stdout.write(`  ${mark} ${printable(error ? `${name}: ${error}` : name)}\n`);
  }
}
