import type { Command } from "commander";
import { parseMediaType } from "../../internal/http_fields.ts";
import { AnswerError } from "../answer_error.ts";
import { parseInteger } from "../arguments.ts";
import { addServerOptions, type Client, createClient, type ServerOptions } from "../client.ts";
import { CommandError } from "../command_error.ts";
import { eventText } from "../event_line.ts";
import type { CommandIO } from "../io.ts";
import { readServerEvents } from "../server_events.ts";
import { listenForStop } from "../stop.ts";
import { styleOf } from "../style.ts";
import { eventOfWire } from "../wire.ts";
import { partsWithin, SilenceError, within } from "../within.ts";

/** The first pause before reconnecting, unless the server's `retry:` sets one, in milliseconds. */
const FIRST_PAUSE = 500;
/** The longest pause, in milliseconds. */
const LONGEST_PAUSE = 10_000;
/** The longest `retry:` that is honored, in milliseconds. */
const LONGEST_RETRY = 60_000;
/** The heartbeat of a server that announces none, in milliseconds: the default of version 0.1. */
const USUAL_HEARTBEAT = 15_000;
/** Silence of this many heartbeats is a lost connection. */
const MISSED_HEARTBEATS = 3;
/** The shortest silence that is a lost connection, in milliseconds: networks stall for a second or two. */
const SHORTEST_SILENCE = 5_000;

type Options = ServerOptions & {
  readonly type?: string;
  readonly session?: string;
  readonly after?: string;
  readonly limit?: number;
  readonly full?: true;
  readonly json?: true;
};

/** `hooks tail`: the events of a server as they come. */
export function define(command: Command, io: CommandIO): void {
  command
    .option("--type <pattern>", "a type, or a prefix such as tool.*")
    .option("-s, --session <id>", "of this session only")
    .option("--after <id>", "first what came after this event")
    .option("-n, --limit <count>", "end after so many", parseInteger(1, 1e9))
    .option("--full", "print whole payloads, however wide the terminal is")
    .option("--json", "print one JSON object an event");
  addServerOptions(command)
    .addHelpText(
      "after",
      `
A line has the time of arrival (UTC), type, id, session and payload. When the
connection is lost, or silent for three heartbeats of the server, tail
reconnects and resumes after the last event.

Examples:
  hooks tail --type 'tool.*'
  hooks tail --json | jq .data
  hooks tail --session s-1 --limit 10
`,
    )
    .action((options: Options) => tail(options, io));
}

async function tail(options: Options, io: CommandIO): Promise<void> {
  const client = createClient(io, options);
  const stop = listenForStop(io);
  try {
    await new Tail(options, io, client, stop.signal).follow();
  } finally {
    stop.release();
  }
}

class Tail {
  readonly #options: Options;
  readonly #io: CommandIO;
  readonly #client: Client;
  readonly #signal: AbortSignal;
  #lastId: string | undefined;
  #left: number;
  /** Whether a server has let us in. */
  #connected = false;
  /** Whether we know where to resume, and have said so. */
  #following = false;
  /** Whether a lost connection was reported, and no new one yet. */
  #lost = false;
  #failures = 0;
  #firstPause = FIRST_PAUSE;
  #silence = USUAL_HEARTBEAT * MISSED_HEARTBEATS;

  constructor(options: Options, io: CommandIO, client: Client, signal: AbortSignal) {
    this.#options = options;
    this.#io = io;
    this.#client = client;
    this.#signal = signal;
    this.#lastId = options.after;
    this.#left = options.limit ?? Infinity;
  }

  /** Prints events until there are enough, or until the signal. */
  async follow(): Promise<void> {
    while (this.#left > 0 && !this.#signal.aborted) {
      try {
        await this.#connect();
        this.#lose("the connection ended");
      } catch (error) {
        if (this.#signal.aborted) return;
        if (!this.#connected || isFinal(error)) throw firstFault(error, this.#client.url);
        this.#lose(reasonOf(error));
      }
      if (this.#left > 0) await this.#pause();
    }
  }

  /** Prints what one connection brings. */
  async #connect(): Promise<void> {
    const ended = new AbortController();
    const end = (): void => ended.abort();
    this.#signal.addEventListener("abort", end);
    try {
      const response = await within(this.#io, this.#silence, this.#open(ended.signal));
      this.#silence = silenceOf(response);
      this.#greet();
      const parts = partsWithin(this.#io, this.#silence, response.body!);
      for await (const { name, data, id, retry } of readServerEvents(parts)) {
        this.#failures = 0;
        if (retry !== undefined) {
          this.#firstPause = Math.min(Math.max(retry, FIRST_PAUSE), LONGEST_RETRY);
        }
        if (id !== undefined) this.#lastId = id;
        this.#greet();
        if (data === undefined || name !== "message") continue; // `overflow`: the server ends the stream
        this.#print(data);
        if (--this.#left === 0) return;
      }
    } finally {
      this.#signal.removeEventListener("abort", end);
      ended.abort();
    }
  }

  async #open(signal: AbortSignal): Promise<Response> {
    const { type, session } = this.#options;
    const response = await this.#client.fetch("/events/stream", {
      query: { type, session },
      headers: { accept: "text/event-stream", "last-event-id": this.#lastId || undefined },
      signal,
    });
    const mediaType = parseMediaType(response.headers.get("content-type"));
    if (response.body !== null && mediaType?.essence === "text/event-stream") return response;
    throw new AnswerError(response, `${this.#client.url} did not respond with an event stream`, [
      "Set --url or HOOKS_URL to a hooks server, with the path that it is mounted at",
    ]);
  }

  /** Reports that we follow (again), once no event accepted from now on can be missed. */
  #greet(): void {
    this.#connected = true;
    if (this.#lost) this.#io.stderr.write("reconnected\n");
    this.#lost = false;
    if (this.#following || this.#lastId === undefined) return;
    this.#following = true;
    this.#io.stderr.write(`following ${this.#client.url}\n`);
  }

  #print(data: string): void {
    const { stdout } = this.#io;
    if (this.#options.json) return stdout.write(`${data}\n`);
    const columns = this.#options.full ? undefined : stdout.columns;
    const arrival = new Date(this.#io.now());
    const style = styleOf(this.#io, stdout);
    stdout.write(`${eventText(eventOfWire(data), { arrival, style, columns })}\n`);
  }

  /** Says why the connection is gone, once until there is another. */
  #lose(reason: string): void {
    if (this.#lost || this.#left === 0 || this.#signal.aborted) return;
    this.#lost = true;
    this.#io.stderr.write(`${reason}; reconnecting\n`);
  }

  #pause(): Promise<void> {
    const longest = Math.max(LONGEST_PAUSE, this.#firstPause);
    const pause = Math.min(this.#firstPause * 2 ** this.#failures++, longest);
    return this.#io.sleep(pause * (0.5 + this.#io.random() / 2), this.#signal);
  }
}

/** The longest silence, in milliseconds, before the connection counts as lost. */
function silenceOf(response: Response): number {
  const announced = Number(response.headers.get("hooks-heartbeat") ?? NaN);
  const heartbeat = announced > 0 ? announced : USUAL_HEARTBEAT;
  return Math.max(heartbeat * MISSED_HEARTBEATS, SHORTEST_SILENCE);
}

function reasonOf(error: unknown): string {
  if (error instanceof CommandError) return error.message;
  return error instanceof SilenceError
    ? `the connection was lost: ${error.message}`
    : "the connection was lost";
}

/**
 * Returns an error that the user can act on, for a server that accepts the first connection and
 * stays silent.
 */
function firstFault(error: unknown, url: string): unknown {
  if (!(error instanceof SilenceError)) return error;
  return new CommandError(`Cannot follow ${url}: ${error.message}`, [
    "Is it running? `hooks serve` starts one; --url or HOOKS_URL says where it is",
  ]);
}

/** Whether trying again makes no sense: the server has judged the request. */
function isFinal(error: unknown): boolean {
  return error instanceof AnswerError && error.status < 500 && error.status !== 429;
}
