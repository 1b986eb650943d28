import type { Command } from "commander";
import { parseInteger } from "../arguments.ts";
import { parseInput } from "../parse_input.ts";
import { addServerOptions, createClient, type ServerOptions } from "../client.ts";
import { CommandError } from "../command_error.ts";
import type { CommandIO } from "../io.ts";
import { readInput, readText } from "../read_input.ts";
import { postEvents, printReceipt, type Receipt } from "../receipt.ts";
import { count } from "../style.ts";
import { sendMany } from "../send_many.ts";

/** The most that a server takes in one request. */
const MAX_BATCH = 100;

type Options = ServerOptions & {
  readonly session?: string;
  readonly idempotencyKey?: string;
  readonly wait?: true;
  readonly batch: number;
  readonly json?: true;
};

/** `hooks send`: gives events to a server. */
export function define(command: Command, io: CommandIO): void {
  command
    .argument("[type]", "the event's type; without it, a pipe gives events")
    .argument("[data]", "JSON, @file, or - for a pipe (default: {})")
    .option("-s, --session <id>", "the session that it belongs to")
    .option("-k, --idempotency-key <key>", "sent again under this key, it is not taken twice")
    .option("-w, --wait", "tell what handlers made of it; fail if one failed")
    .option(
      "--batch <count>",
      "events in a request, at most",
      parseInteger(1, MAX_BATCH),
      MAX_BATCH,
    )
    .option("--json", "print each receipt as JSON");
  addServerOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  hooks send tool.called '{"name":"bash","params":{}}' --session s-1
  hooks send message.received @message.json --wait
  hooks send <events.ndjson     a line is {"type":…,"data":…,"session_id":…}
`,
    )
    .action((type: string | undefined, data: string | undefined, options: Options) =>
      type === undefined ? sendLines(options, io) : sendOne(type, data, options, io)
    );
}

async function sendOne(
  type: string,
  text: string | undefined,
  options: Options,
  io: CommandIO,
): Promise<void> {
  const client = createClient(io, options);
  const body = {
    type,
    data: await readData(text, io),
    ...(options.session === undefined ? {} : { session_id: options.session }),
  };
  const { idempotencyKey, wait } = options;
  const receipts = await postEvents(client, { body, idempotencyKey, wait });
  for (const receipt of receipts) printReceipt(receipt, options, io);
  failIfHandlersFailed(receipts);
}

async function sendLines(options: Options, io: CommandIO): Promise<void> {
  if (io.stdin.isTerminal) {
    throw new CommandError("There is nothing to send: name a type, or pipe events in", [
      "hooks send --help shows how",
    ], 2);
  }
  const client = createClient(io, options);
  const { accepted, duplicates, failed } = await sendMany(io, client, options, (receipt) => {
    if (options.json || options.wait) printReceipt(receipt, options, io);
  });
  const again = duplicates > 0 ? `, ${duplicates} of them known already` : "";
  io.stderr.write(`${count(accepted, "event")} accepted${again}\n`);
  if (failed > 0) throw new CommandError(`Handlers failed for ${count(failed, "event")}`);
}

async function readData(text: string | undefined, io: CommandIO): Promise<unknown> {
  if (text === undefined) return {};
  const json = text === "-"
    ? await readInput(io, "the data")
    : text.startsWith("@")
    ? await readText(io, text.slice(1), "the data")
    : text;
  const value = parseInput(json, "the data");
  if (value !== undefined) return value;
  throw new CommandError("Cannot read the data as it is not JSON", [
    `In a shell it stands in quotes: '{"name":"bash"}'`,
  ], 2);
}

function failIfHandlersFailed(receipts: readonly Receipt[]): void {
  const handlers = receipts.flatMap(({ handlers = [] }) => handlers);
  const failed = handlers.filter(({ ok }) => !ok).length;
  if (failed > 0) throw new CommandError(`${failed} of ${handlers.length} handlers failed`);
}
