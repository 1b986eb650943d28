import type { Command } from "commander";
import { AnswerError } from "../answer_error.ts";
import { parseInteger } from "../arguments.ts";
import { addServerOptions, type Client, createClient, type ServerOptions } from "../client.ts";
import { CommandError } from "../command_error.ts";
import { eventLine } from "../event_line.ts";
import type { CommandIO } from "../io.ts";
import { readServerEvents } from "../server_events.ts";
import { listenForStop } from "../stop.ts";
import { styleOf } from "../style.ts";
import { eventOfWire } from "../wire.ts";

/** Pauses between attempts to connect again, in milliseconds. */
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 10_000;

type Options = ServerOptions & {
  readonly type?: string;
  readonly session?: string;
  readonly after?: string;
  readonly limit?: number;
  readonly json?: true;
};

type Events = { readonly events: readonly { readonly id: string }[] };

/** `hooks tail`: the events of a server as they come. */
export function define(command: Command, io: CommandIO): void {
  command
    .option("--type <pattern>", "a type, or a prefix such as tool.*")
    .option("-s, --session <id>", "of this session only")
    .option("--after <id>", "first what came after this event")
    .option("-n, --limit <count>", "end after so many", parseInteger(1, 1e9))
    .option("--json", "print one JSON object an event");
  addServerOptions(command)
    .addHelpText(
      "after",
      `
A connection that is lost is made again, and goes on behind the last event.

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
  #connected = false;
  #failures = 0;

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
    this.#lastId ??= await this.#newest();
    while (this.#left > 0 && !this.#signal.aborted) {
      try {
        await this.#connect();
        this.#note("the connection ended; connecting again");
      } catch (error) {
        if (this.#signal.aborted) return;
        if (!this.#connected || isFinal(error)) throw error;
        const reason = error instanceof CommandError ? error.message : "the connection was lost";
        this.#note(`${reason}; connecting again`);
      }
      if (this.#left > 0) await this.#pause();
    }
  }

  /** The newest event: what comes behind it is not missed, even if the first connection is lost early. */
  async #newest(): Promise<string | undefined> {
    const query = { limit: 1, order: "newest" };
    const page = await this.#client.json<Events>("/events", { query, signal: this.#signal })
      .catch((error) => {
        if (!this.#signal.aborted) throw error;
      });
    return page?.events[0]?.id;
  }

  async #connect(): Promise<void> {
    const { type, session } = this.#options;
    const ended = new AbortController();
    const end = (): void => ended.abort();
    this.#signal.addEventListener("abort", end);
    try {
      const response = await this.#client.fetch("/events/stream", {
        query: { type, session },
        headers: { accept: "text/event-stream", "last-event-id": this.#lastId },
        signal: ended.signal,
      });
      if (!this.#connected) this.#io.stderr.write(`following ${this.#client.url}\n`);
      else if (this.#failures > 0) this.#io.stderr.write("connected again\n");
      this.#connected = true;
      for await (const { name, data, id } of readServerEvents(response.body!)) {
        this.#failures = 0;
        if (name !== "message") continue; // `overflow`: the server ends the stream, we go on behind it
        this.#lastId = id;
        this.#print(data);
        if (--this.#left === 0) return;
      }
    } finally {
      this.#signal.removeEventListener("abort", end);
      ended.abort();
    }
  }

  #print(data: string): void {
    const { stdout } = this.#io;
    if (this.#options.json) return stdout.write(`${data}\n`);
    const line = eventLine(eventOfWire(data), styleOf(this.#io, stdout), stdout.columns);
    stdout.write(`${line}\n`);
  }

  /** Says what happened, once until it is over. */
  #note(text: string): void {
    if (this.#failures === 0 && this.#left > 0 && !this.#signal.aborted) {
      this.#io.stderr.write(`${text}\n`);
    }
  }

  #pause(): Promise<void> {
    const longest = Math.min(FIRST_PAUSE * 2 ** this.#failures++, LONGEST_PAUSE);
    return this.#io.sleep(longest * (0.5 + this.#io.random() / 2), this.#signal);
  }
}

/** Whether trying again makes no sense: the server has judged the request. */
function isFinal(error: unknown): boolean {
  return error instanceof AnswerError && error.status < 500 && error.status !== 429;
}
