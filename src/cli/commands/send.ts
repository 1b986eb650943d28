import type { Command } from "commander";
import type { ReceiptJson } from "../../hono/post_events.ts";
import { abortable } from "../../internal/async.ts";
import { isObject } from "../../internal/validate.ts";
import {
  addServerOptions,
  type Client,
  connect,
  readJson,
  type ServerContext,
  type ServerOptions,
} from "../client.ts";
import { CommandError, ResponseError } from "../errors.ts";
import {
  listenForShutdown,
  parseInput,
  parseInteger,
  readLines,
  readStdin,
  readText,
} from "../input.ts";
import type { CommandIO } from "../io.ts";
import { count, printable, Progress, styleOf } from "../output.ts";

/** The most events that a server accepts in one request. */
const MAX_BATCH = 100;
/** The maximum size of a batch in bytes: half of what a server accepts, and what fits one commit. */
const MAX_BYTES = 512 * 1024;

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
    .option("-w, --wait", "wait for handlers, print results, and fail if one fails")
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

/** Posts an event or a batch. @throws {CommandError} when the server doesn't accept it */
async function postEvents(
  client: Client,
  body: unknown,
  { idempotencyKey, wait }: Pick<Options, "wait"> & {
    readonly idempotencyKey?: string | undefined;
  },
  signal?: AbortSignal,
): Promise<readonly ReceiptJson[]> {
  const response = await client.fetch("/events", {
    body,
    headers: { "idempotency-key": idempotencyKey },
    query: { wait: wait && "true" },
    ...(signal ? { signal } : {}),
  });
  const replayed = response.headers.get("idempotent-replayed") === "true";
  const { receipts } = await readJson<{ readonly receipts?: unknown }>(response, client.url);
  if (!Array.isArray(receipts)) {
    throw new CommandError(`No hooks server at ${client.url}: its response has no receipts`);
  }
  return replayed ? receipts.map((receipt) => ({ ...receipt, duplicate: true })) : receipts;
}

/** Returns the fields of an event that the options set. */
function correlationOf({ session, run, traceparent }: Options): Readonly<Record<string, unknown>> {
  const fields = { session_id: session, run_id: run, traceparent };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
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

/** The result of `sendLines`. */
type SendResult = {
  readonly accepted: number;
  readonly duplicates: number;
  /** Events for which a handler failed. */
  readonly failed: number;
};

type Line = { readonly number: number; readonly event: object; readonly bytes: number };

/**
 * Sends the events of standard input, one JSON object per line, in batches that a server accepts or rejects
 * as a whole. Each request has its own idempotency key, derived from the user's, so that the same input can
 * be sent again after a failure. When a batch does not fit one commit of the server's store, it and those
 * after it are split: some stores don't take ten events with their own ids. Ends on SIGINT and SIGTERM at any
 * time.
 */
async function sendLines(
  context: ServerContext<Options>,
  onReceipt: (receipt: ReceiptJson) => void,
): Promise<SendResult> {
  const { io } = context;
  const progress = new Progress(io);
  const { signal, release } = listenForShutdown(io);
  const result = { accepted: 0, duplicates: 0, failed: 0 };
  const onAccepted = (receipts: readonly ReceiptJson[]): void => {
    progress.clear();
    for (const receipt of receipts) {
      result.accepted++;
      if (receipt.duplicate) result.duplicates++;
      if (receipt.handlers?.some(({ ok }) => !ok)) result.failed++;
      onReceipt(receipt);
    }
    progress.show(`${count(result.accepted, "event")} accepted`);
  };
  try {
    await abortable(sendBatches({ ...context, signal }, onAccepted), signal);
  } catch (error) {
    throw withProgress(error, result.accepted, signal.aborted);
  } finally {
    progress.clear();
    release();
  }
  return result;
}

/** Adds how much was accepted before an error. */
function withProgress(error: unknown, accepted: number, interrupted: boolean): unknown {
  const events = `${count(accepted, "event")} accepted before that`;
  const again = "with --idempotency-key, the same input can be sent again";
  if (interrupted) {
    const detail = `${events}, and possibly the batch in flight; ${again}`;
    return new CommandError("Interrupted", [detail]);
  }
  if (accepted === 0 || !(error instanceof CommandError)) return error;
  return new CommandError(error.message, [...error.details, `${events}; ${again}`], error.exitCode);
}

type Context = ServerContext<Options> & { readonly signal: AbortSignal };

async function sendBatches(
  context: Context,
  onAccepted: (receipts: readonly ReceiptJson[]) => void,
): Promise<void> {
  const { io, options } = context;
  let size = options.batch;
  let requests = 0;
  for await (const batch of readBatches(readEvents(io, correlationOf(options)), size)) {
    for (let rest: readonly Line[] = batch; rest.length > 0;) {
      const lines = rest.slice(0, size);
      requests++;
      const receipts = await postLines(context, lines, requests);
      if (receipts === "too_large") {
        size = Math.ceil(lines.length / 2);
        continue;
      }
      rest = rest.slice(lines.length);
      onAccepted(receipts);
    }
  }
}

/** Posts lines in one request. Returns `too_large` if several lines don't fit one commit of the store. */
async function postLines(
  { client, options, signal }: Context,
  lines: readonly Line[],
  request: number,
): Promise<readonly ReceiptJson[] | "too_large"> {
  const events = lines.map(({ event }) => event);
  const { idempotencyKey } = options;
  const key = idempotencyKey === undefined ? undefined : `${idempotencyKey}-${request}`;
  try {
    return await postEvents(client, { events }, { ...options, idempotencyKey: key }, signal);
  } catch (error) {
    if (!(error instanceof ResponseError)) throw error;
    if (error.code === "store_limit" && lines.length > 1) return "too_large";
    throw withLineNumbers(error, lines);
  }
}

/** Servers count from the start of a batch; users see lines. */
function withLineNumbers(error: ResponseError, lines: readonly Line[]): ResponseError {
  const details = error.details.map((detail) =>
    detail.replace(/^\/events\/(\d+)(?=(\/?))/, (whole, index: string, more: string) => {
      const line = lines[Number(index)];
      return line ? `line ${line.number}${more && " "}` : whole;
    })
  );
  const [first, last] = [lines[0]!.number, lines.at(-1)!.number];
  const range = first === last ? `line ${first}` : `lines ${first} to ${last}`;
  return new ResponseError(error, `${error.message} (${range})`, details);
}

/** Reads an event per line. The options of the command set fields that it omits. */
async function* readEvents(
  io: CommandIO,
  defaults: Readonly<Record<string, unknown>>,
): AsyncIterable<Line> {
  let number = 0;
  for await (const line of readLines(io)) {
    number++;
    if (line.trim() === "") continue;
    const event = parseLine(line, number);
    const missing = Object.entries(defaults).filter(([name]) => (event[name] ?? null) === null);
    yield {
      number,
      bytes: new TextEncoder().encode(line).length,
      event: { ...event, ...Object.fromEntries(missing) },
    };
  }
}

function parseLine(line: string, number: number): Readonly<Record<string, unknown>> {
  const value = parseInput(line, `line ${number}`);
  if (isObject(value)) return { ...value };
  throw new CommandError(`Cannot send line ${number}: it is not a JSON object`, [
    `Write lines such as {"type":"tool.called","data":{"name":"bash"}}`,
  ]);
}

/** Yields lines in batches of limited count and size. A longer line goes alone: the server decides. */
async function* readBatches(lines: AsyncIterable<Line>, size: number): AsyncIterable<Line[]> {
  let batch: Line[] = [];
  let bytes = 0;
  for await (const line of lines) {
    if (batch.length > 0 && bytes + line.bytes > MAX_BYTES) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(line);
    bytes += line.bytes;
    if (batch.length < size) continue;
    yield batch; // immediately: the next line may take long to arrive
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}
