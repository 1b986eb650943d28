/**
 * The receiver of one webhook of the demo: `hooks listen`, first failing, then working.
 * @module
 */
import type { AgentEvent } from "./demo_client.ts";
import { HooksProcess } from "./demo_process.ts";

export type ReceiverOptions = {
  /** The name of the webhook. */
  readonly name: string;
  /** Describes what the webhook subscribes to. */
  readonly receives: string;
  /** Returns whether the webhook subscribes to an event. */
  readonly wants: (event: AgentEvent) => boolean;
  /** Arguments of `hooks listen` that make it fail. */
  readonly failing: readonly string[];
  /** The secret that requests must be signed with. */
  readonly secret: string;
};

/** A request as `hooks listen --json` prints it. */
type ReceivedRequest = {
  readonly outcome: "received" | "duplicate" | "refused" | "failed";
  readonly verified: boolean;
  readonly id?: string;
};

export class Receiver {
  readonly name: string;
  readonly receives: string;
  readonly wants: ReceiverOptions["wants"];
  /** The ids of events with a valid signature. */
  readonly verified = new Set<string>();
  /** Requests for an event that was received before. */
  again = 0;
  /** Requests that failed on demand. */
  failed = 0;
  readonly #options: ReceiverOptions;
  readonly #cwd: string;
  #process: HooksProcess;

  constructor(options: ReceiverOptions, cwd: string) {
    this.name = options.name;
    this.receives = options.receives;
    this.wants = options.wants;
    this.#options = options;
    this.#cwd = cwd;
    this.#process = this.#listen(["--port", "0", ...options.failing]);
  }

  get url(): Promise<string> {
    return this.#process.url;
  }

  /** Restarts on the same port, without failures. */
  async recover(): Promise<void> {
    if (this.#options.failing.length === 0) return;
    const { port } = new URL(await this.url);
    await this.#process.end("SIGTERM");
    this.#process = this.#listen(["--port", port]);
    await this.url;
  }

  /** Sends an unsigned request with an event that was never emitted; returns the response status. */
  async forge(): Promise<number> {
    const body = JSON.stringify({ id: "1", type: "agent.end", timestamp: new Date(), data: {} });
    const response = await fetch(await this.url, { method: "POST", body });
    await response.body?.cancel();
    return response.status;
  }

  /** Stops it and reads the rest of its output. */
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
      onLine: (line) => this.#count(JSON.parse(line)),
    });
  }

  #count({ outcome, verified, id }: ReceivedRequest): void {
    if (outcome === "failed") this.failed++;
    else if (!verified || id === undefined) return; // rejected
    else if (this.verified.has(id)) this.again++;
    else this.verified.add(id);
  }
}
