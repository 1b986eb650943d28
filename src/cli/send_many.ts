import { abortable } from "../internal/async.ts";
import { AnswerError } from "./answer_error.ts";
import type { Client } from "./client.ts";
import { CommandError } from "./command_error.ts";
import type { CommandIO } from "./io.ts";
import { parseInput } from "./parse_input.ts";
import { Progress } from "./progress.ts";
import { readLines } from "./read_input.ts";
import { postEvents, type Receipt } from "./receipt.ts";
import { listenForStop } from "./stop.ts";
import { count } from "./style.ts";

/** The most bytes of a batch: half of what a server takes, and what fits one commit of its store. */
const MAX_BYTES = 512 * 1024;

/** How many are sent, and how. */
export type SendManyOptions = {
  readonly session?: string;
  readonly idempotencyKey?: string;
  readonly wait?: true;
  readonly batch: number;
};

/** What became of them. */
export type Sent = {
  readonly accepted: number;
  readonly duplicates: number;
  /** Events of which a handler failed. */
  readonly failed: number;
};

const utf8 = new TextEncoder();

type Line = { readonly number: number; readonly event: object; readonly bytes: number };

/**
 * Sends the events that are piped in, one JSON object a line, in batches of which a server takes all
 * or none. A request has its own idempotency key, made of the user's and its number, so that the same
 * input can be sent again after a fault. Where a batch does not fit one commit of the server's store,
 * it and those after it are sent in smaller ones: ten events with ids of their own are too many for
 * some stores. SIGINT and SIGTERM end it, whatever it waits for.
 */
export async function sendMany(
  io: CommandIO,
  client: Client,
  options: SendManyOptions,
  tell: (receipt: Receipt) => void,
): Promise<Sent> {
  const progress = new Progress(io);
  const { signal, release } = listenForStop(io);
  const sent = { accepted: 0, duplicates: 0, failed: 0 };
  const sending = sendBatches(io, client, { ...options, signal }, (receipts) => {
    progress.clear();
    for (const receipt of receipts) {
      sent.accepted++;
      if (receipt.duplicate) sent.duplicates++;
      if (receipt.handlers?.some(({ ok }) => !ok)) sent.failed++;
      tell(receipt);
    }
    progress.show(`${count(sent.accepted, "event")} accepted`);
  });
  try {
    await abortable(sending, signal);
  } catch (error) {
    throw signal.aborted ? interrupted(sent.accepted) : afterSome(error, sent.accepted);
  } finally {
    progress.clear();
    release();
  }
  return sent;
}

type SendOptions = SendManyOptions & { readonly signal: AbortSignal };

async function sendBatches(
  io: CommandIO,
  client: Client,
  options: SendOptions,
  taken: (receipts: readonly Receipt[]) => void,
): Promise<void> {
  const post = poster(client, options);
  let size = options.batch;
  for await (const batch of inBatches(eventsOf(io, options), options.batch)) {
    for (let rest = batch; rest.length > 0;) {
      const lines = rest.slice(0, size);
      const receipts = await post(lines);
      if (receipts === undefined) {
        size = Math.ceil(lines.length / 2);
        continue;
      }
      rest = rest.slice(lines.length);
      taken(receipts);
    }
  }
}

/** Posts lines in a request of its own; undefined, if they are several, and too much for one commit. */
function poster(
  client: Client,
  { idempotencyKey: key, wait, signal }: SendOptions,
): (lines: readonly Line[]) => Promise<readonly Receipt[] | undefined> {
  let requests = 0;
  return async (lines) => {
    requests++;
    try {
      return await postEvents(client, {
        body: { events: lines.map(({ event }) => event) },
        idempotencyKey: key === undefined ? key : `${key}-${requests}`,
        wait,
        signal,
      });
    } catch (error) {
      const tooMuch = error instanceof AnswerError && error.code === "store_limit";
      if (tooMuch && lines.length > 1) return undefined;
      throw inLines(error, lines);
    }
  };
}

async function* eventsOf(io: CommandIO, { session }: SendManyOptions): AsyncIterable<Line> {
  let number = 0;
  for await (const line of readLines(io)) {
    number++;
    if (line.trim() === "") continue;
    const event = parseLine(line, number);
    const bytes = utf8.encode(line).length;
    yield {
      number,
      bytes,
      event: (event.session_id ?? session) === undefined
        ? event
        : { ...event, session_id: event.session_id ?? session },
    };
  }
}

function parseLine(line: string, number: number): Readonly<Record<string, unknown>> {
  const value = parseInput(line, `line ${number}`);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  throw new CommandError(`Cannot send line ${number} as it is no JSON object`, [
    `A line looks like {"type":"tool.called","data":{"name":"bash"}}`,
  ]);
}

/** As many lines as may be, of as many bytes as fit; a longer line goes alone, for the server to judge. */
async function* inBatches(lines: AsyncIterable<Line>, size: number): AsyncIterable<Line[]> {
  let batch: Line[] = [];
  let bytes = 0;
  for await (const line of lines) {
    if (batch.length > 0 && bytes + line.bytes > MAX_BYTES) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(line);
    bytes += line.bytes;
    if (batch.length < size) continue;
    yield batch; // at once: the next line may be long in coming
    [batch, bytes] = [[], 0];
  }
  if (batch.length > 0) yield batch;
}

/** A server counts from the start of a batch; the user sees lines. */
function inLines(error: unknown, lines: readonly Line[]): unknown {
  if (!(error instanceof AnswerError)) return error;
  const details = error.details.map((detail) =>
    detail.replace(/^\/events\/(\d+)(?=(\/?))/, (whole, index: string, more: string) => {
      const line = lines[Number(index)];
      return line ? `line ${line.number}${more && " "}` : whole;
    })
  );
  const [first, last] = [lines[0]!.number, lines.at(-1)!.number];
  const range = first === last ? ` (line ${first})` : ` (lines ${first} to ${last})`;
  return new AnswerError(error, `${error.message}${range}`, details);
}

const again = "with --idempotency-key, the same input can be sent again";

function interrupted(accepted: number): CommandError {
  return new CommandError("Interrupted", [
    `${count(accepted, "event")} accepted before that, and perhaps a batch under way; ${again}`,
  ]);
}

function afterSome(error: unknown, accepted: number): unknown {
  if (accepted === 0 || !(error instanceof CommandError)) return error;
  const before = `${count(accepted, "event")} accepted before that; ${again}`;
  return new CommandError(error.message, [...error.details, before], error.exitCode);
}
