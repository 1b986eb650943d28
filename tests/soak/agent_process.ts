/**
 * The program of the soak as a process.
 * @module
 */
import { root } from "../../tools/run.ts";
import { TOKEN } from "../support/kv_connect/denokv.ts";
import type { Orders, Saying } from "./agent.ts";
import type { Receivers } from "./receivers.ts";

/** What a process said so far. */
export type Said = {
  /** The numbers of events that it began to emit. */
  readonly sent: Set<number>;
  /** By number: the id of each event that it knows to be stored. */
  readonly accepted: Map<number, string>;
  /** How many of them an earlier call had stored already. */
  duplicates: number;
  /** Callers that got no response, and sent the request again. */
  askedAgain: number;
  inFlight: number;
  unconfirmed: number;
  readonly refused: string[];
  readonly drained: { settled: number; remaining: boolean }[];
  readonly log: string[];
};

/** A process that runs `agent.ts`. The one that starts it ends it. */
export class AgentProcess {
  readonly run: number;
  readonly said: Said = {
    sent: new Set(),
    accepted: new Map(),
    duplicates: 0,
    askedAgain: 0,
    inFlight: 0,
    unconfirmed: 0,
    refused: [],
    drained: [],
    log: [],
  };
  readonly #receivers: Receivers;
  readonly #hook: string | undefined;
  readonly #child: Deno.ChildProcess;
  readonly #listening: Promise<void>;
  readonly #complaining: Promise<void>;
  #isOver = false;

  /** It delivers to these receivers. */
  constructor(receivers: Receivers, own: Omit<Orders, "urls" | "secret">) {
    const { urls, secret } = receivers;
    const orders: Orders = { ...own, urls, secret };
    this.run = orders.run;
    this.#receivers = receivers;
    this.#hook = orders.hook;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--quiet",
        "--config=tests/deno.json",
        "tests/soak/agent.ts",
        JSON.stringify(orders),
      ],
      cwd: root,
      env: { DENO_KV_ACCESS_TOKEN: TOKEN },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    void this.#child.status.then(() => this.#isOver = true);
    this.#listening = this.#eachLine(this.#child.stdout, (line) => this.#read(JSON.parse(line)));
    this.#complaining = this.#eachLine(this.#child.stderr, (line) => {
      // Deno says there what its client of KV Connect met, and what the tests ask for.
      if (!line.startsWith("KV Connect failed to call")) this.said.log.push(line);
    });
  }

  /** The ids of the events that it knows to be stored. */
  get accepted(): ReadonlySet<string> {
    return new Set(this.said.accepted.values());
  }

  /** Whether it has ended. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Sends a signal, if it still runs. */
  signal(signal: Deno.Signal): void {
    if (!this.#isOver) this.#child.kill(signal);
  }

  /** Its end, when all of its output has been read. */
  async ended(): Promise<Deno.CommandStatus> {
    const [status] = await Promise.all([this.#child.status, this.#listening, this.#complaining]);
    return status;
  }

  /** Ends it, whatever it is at. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.ended();
  }

  async #eachLine(
    stream: ReadableStream<Uint8Array<ArrayBuffer>>,
    read: (line: string) => void,
  ): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      lines.forEach(read);
    }
  }

  #read(saying: Saying): void {
    const { said } = this;
    if (saying.say === "sent") said.sent.add(saying.number);
    else if (saying.say === "accepted") this.#accept(saying);
    else if (saying.say === "asks again") said.askedAgain++;
    else if (saying.say === "called") this.#receivers.called(this.#hook!, saying, this.run);
    else if (saying.say === "in flight") said.inFlight = saying.count;
    else if (saying.say === "unconfirmed") said.unconfirmed++;
    else if (saying.say === "refused") said.refused.push(saying.why);
    else if (saying.say === "drained") said.drained.push(saying);
    else said.log.push(saying.message);
  }

  #accept({ number, id, duplicate }: Extract<Saying, { say: "accepted" }>): void {
    this.said.accepted.set(number, id);
    if (duplicate) this.said.duplicates++;
    this.#receivers.identify(number, id);
  }
}
