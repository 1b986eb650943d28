import type { Command } from "commander";
import { decodeEvent } from "../../core/event_codec.ts";
import { linkSignals } from "../../internal/async.ts";
import { parseMediaType } from "../../internal/http_fields.ts";
import { showInvisible } from "../../internal/json_text.ts";
import { addServerOptions, connect, type ServerContext, type ServerOptions } from "../client.ts";
import { CommandError, ResponseError } from "../errors.ts";
import { readParts, readServerEvents, SilenceError, withSilenceTimeout } from "../event_stream.ts";
import { listenForShutdown, parseInteger } from "../input.ts";
import type { CommandIO } from "../io.ts";
import { fitWidth, formatEvent, printable, styleOf } from "../output.ts";

/** The first pause before reconnecting, unless the server sets one with `retry:`, in milliseconds. */
const FIRST_PAUSE = 500;
/** The longest pause, in milliseconds. */
const MAX_PAUSE = 10_000;
/** The longest `retry:` that is honored, in milliseconds. */
const MAX_RETRY = 60_000;
/** The heartbeat of a server that announces none, in milliseconds: the default of version 0.1. */
const DEFAULT_HEARTBEAT = 15_000;
/** After missing this many heartbeats, the connection counts as lost. */
const MISSED_HEARTBEATS = 3;
/** The shortest silence that counts as a lost connection, in milliseconds: networks stall for seconds. */
const MIN_SILENCE = 5_000;

type Options = ServerOptions & {
  readonly type?: string;
  readonly session?: string;
  readonly run?: string;
  readonly after?: string;
  readonly limit?: number;
  readonly full?: true;
  readonly json?: true;
};

/** Defines `hooks tail`: prints the events of a server as they arrive. */
export function define(command: Command, io: CommandIO): void {
  command
    .option("--type <pattern>", "filter by type, or by a prefix such as tool.*")
    .option("-s, --session <id>", "filter by session id")
    .option("--run <id>", "filter by run id")
    .option("--after <id>", "start after the event with this id")
    .option("-n, --limit <count>", "exit after n events", parseInteger(1, 1e9))
    .option("--full", "don't shorten payloads to the terminal's width")
    .option("--json", "print one JSON object per event");
  addServerOptions(command)
    .addHelpText(
      "after",
      `
Each line shows the time of arrival (UTC), type, id, session, run and payload.
If the connection is lost, or silent for three heartbeats of the server, tail
reconnects and resumes after the last event.

Examples:
  hooks tail --type 'tool.*'
  hooks tail --json | jq .data
  hooks tail --session s-1 --limit 10
`,
    )
    .action(async (options: Options) => {
      const context = connect(options, io);
      const shutdown = listenForShutdown(io);
      try {
        await new Tail(context, shutdown.signal).run();
      } finally {
        shutdown.release();
      }
    });
}

class Tail {
  readonly #context: ServerContext<Options>;
  readonly #signal: AbortSignal;
  #lastId: string | undefined;
  #remaining: number;
  /** Whether the server has accepted a connection. */
  #connected = false;
  /** Whether the position to resume from is known, and was reported. */
  #following = false;
  /** Whether a lost connection was reported, and no new one yet. */
  #lost = false;
  #failures = 0;
  #firstPause = FIRST_PAUSE;
  #maxSilence = DEFAULT_HEARTBEAT * MISSED_HEARTBEATS;

  constructor(context: ServerContext<Options>, signal: AbortSignal) {
    this.#context = context;
    this.#signal = signal;
    this.#lastId = context.options.after;
    this.#remaining = context.options.limit ?? Infinity;
  }

  /** Prints events until the limit or the signal. */
  async run(): Promise<void> {
    while (this.#remaining > 0 && !this.#signal.aborted) {
      try {
        await this.#connect();
        this.#reportLost("connection closed");
      } catch (error) {
        if (this.#signal.aborted) return;
        if (!this.#connected || isPermanent(error)) {
          throw connectError(error, this.#context.client.url);
        }
        this.#reportLost(lossReason(error));
      }
      if (this.#remaining > 0) await this.#pause();
    }
  }

  /** Prints the events of one connection. */
  async #connect(): Promise<void> {
    const { io } = this.#context;
    const connection = linkSignals(this.#signal);
    try {
      const opening = this.#open(connection.signal);
      const response = await withSilenceTimeout(io, this.#maxSilence, opening);
      this.#maxSilence = maxSilenceOf(response);
      this.#reportConnected();
      const parts = readParts(io, this.#maxSilence, response.body!);
      for await (const { name, data, id, retry } of readServerEvents(parts)) {
        this.#failures = 0;
        if (retry !== undefined) {
          this.#firstPause = Math.min(Math.max(retry, FIRST_PAUSE), MAX_RETRY);
        }
        if (id !== undefined) this.#lastId = id;
        this.#reportConnected();
        if (data === undefined || name !== "message") continue; // `overflow`: the server closes next
        this.#print(data);
        this.#remaining--;
        if (this.#remaining === 0) return;
      }
    } finally {
      connection.release();
      connection.abort(undefined);
    }
  }

  async #open(signal: AbortSignal): Promise<Response> {
    const { type, session, run } = this.#context.options;
    const response = await this.#context.client.fetch("/events/stream", {
      query: { type, session, run },
      headers: { accept: "text/event-stream", "last-event-id": this.#lastId || undefined },
      signal,
    });
    const mediaType = parseMediaType(response.headers.get("content-type"));
    if (response.body !== null && mediaType?.essence === "text/event-stream") return response;
    throw new ResponseError(
      response,
      `${this.#context.client.url} did not respond with an event stream`,
      [
        "Set --url or HOOKS_URL to a hooks server, including the path that it is mounted at",
      ],
    );
  }

  /** Reports a (new) connection, once no event accepted from now on can be missed. */
  #reportConnected(): void {
    this.#connected = true;
    if (this.#lost) this.#context.io.stderr.write("reconnected\n");
    this.#lost = false;
    if (this.#following || this.#lastId === undefined) return;
    this.#following = true;
    this.#context.io.stderr.write(`following ${this.#context.client.url}\n`);
  }

  #print(data: string): void {
    const { stdout } = this.#context.io;
    const { json, full } = this.#context.options;
    const columns = fitWidth(stdout, full);
    const arrival = new Date(this.#context.io.now());
    const style = styleOf(this.#context.io, stdout);
    stdout.write(`${json ? showInvisible(data) : formatData(data, { arrival, style, columns })}\n`);
  }

  /** Reports a lost connection, once until there is a new one. */
  #reportLost(reason: string): void {
    if (this.#lost || this.#remaining === 0 || this.#signal.aborted) return;
    this.#lost = true;
    this.#context.io.stderr.write(`${reason}; reconnecting\n`);
  }

  #pause(): Promise<void> {
    const longest = Math.max(MAX_PAUSE, this.#firstPause);
    const pause = Math.min(this.#firstPause * 2 ** this.#failures, longest);
    this.#failures++;
    return this.#context.io.sleep(pause * (0.5 + this.#context.io.random() / 2), this.#signal);
  }
}

/** Formats an event; data that isn't a valid event is shown as is. */
function formatData(data: string, format: Parameters<typeof formatEvent>[1]): string {
  try {
    return formatEvent(decodeEvent(data), format);
  } catch {
    return printable(data);
  }
}

/** Returns how long a connection may be silent before it counts as lost, in milliseconds. */
function maxSilenceOf(response: Response): number {
  const announced = Number(response.headers.get("hooks-heartbeat") ?? NaN);
  const heartbeat = announced > 0 ? announced : DEFAULT_HEARTBEAT;
  return Math.max(heartbeat * MISSED_HEARTBEATS, MIN_SILENCE);
}

function lossReason(error: unknown): string {
  if (error instanceof CommandError) return error.message;
  return error instanceof SilenceError ? `connection lost: ${error.message}` : "connection lost";
}

/** Explains a server that accepts the first connection and then stays silent. */
function connectError(error: unknown, url: string): unknown {
  if (!(error instanceof SilenceError)) return error;
  return new CommandError(`Cannot follow ${url}: ${error.message}`, [
    "Check that a hooks server runs there, or set --url or HOOKS_URL to its address",
  ]);
}

/** Returns whether the server rejected the request, so that trying again can't help. */
function isPermanent(error: unknown): boolean {
  return error instanceof ResponseError && error.status < 500 && error.status !== 429;
}
