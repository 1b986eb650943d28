/**
 * The far end of one webhook of the demo: `hooks listen`, first with failures, then without.
 * @module
 */
import type { AgentEvent } from "./demo_client.ts";
import { HooksProcess } from "./demo_process.ts";

export type ReceiverOptions = {
  /** Of the webhook. */
  readonly name: string;
  /** What the webhook hears, in words; and whether it hears an event. */
  readonly hears: string;
  readonly wants: (event: AgentEvent) => boolean;
  /** What `hooks listen` gets at first, so that it fails. */
  readonly failing: readonly string[];
  /** Whose signatures it takes. */
  readonly secret: string;
};

/** What `hooks listen --json` prints of a request. */
type Heard = {
  readonly outcome: "received" | "duplicate" | "refused" | "failed";
  readonly verified: boolean;
  readonly id?: string;
};

export class Receiver {
  readonly name: string;
  readonly hears: string;
  readonly wants: ReceiverOptions["wants"];
  /** The ids of the events that came with the right signature. */
  readonly verified = new Set<string>();
  /** Requests with an event that had come before. */
  again = 0;
  /** Requests that failed on demand. */
  failed = 0;
  readonly #options: ReceiverOptions;
  readonly #cwd: string;
  #process: HooksProcess;

  constructor(options: ReceiverOptions, cwd: string) {
    this.name = options.name;
    this.hears = options.hears;
    this.wants = options.wants;
    this.#options = options;
    this.#cwd = cwd;
    this.#process = this.#listen(["--port", "0", ...options.failing]);
  }

  get url(): Promise<string> {
    return this.#process.url;
  }

  /** Listens in the same place again, and fails no more. */
  async recover(): Promise<void> {
    if (this.#options.failing.length === 0) return;
    const { port } = new URL(await this.url);
    await this.#process.end("SIGTERM");
    this.#process = this.#listen(["--port", port]);
    await this.url;
  }

  /** A stranger sends what was never emitted; the status of the answer. */
  async forge(): Promise<number> {
    const body = JSON.stringify({ id: "1", type: "agent.end", timestamp: new Date(), data: {} });
    const response = await fetch(await this.url, { method: "POST", body });
    await response.body?.cancel();
    return response.status;
  }

  /** Ends it, and waits until all that it printed was read. */
  async close(): Promise<void> {
    await this.#process.end("SIGTERM");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #listen(args: readonly string[]): HooksProcess {
    return new HooksProcess(["listen", "--json", ...args], {
      cwd: this.#cwd,
      env: { HOOKS_SECRET: this.#options.secret },
      onLine: (line) => this.#hear(JSON.parse(line)),
    });
  }

  #hear({ outcome, verified, id }: Heard): void {
    if (outcome === "failed") this.failed++;
    else if (!verified || id === undefined) return; // refused
    else if (this.verified.has(id)) this.again++;
    else this.verified.add(id);
  }
}
