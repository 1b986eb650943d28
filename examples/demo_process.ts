/**
 * `demo_agent.ts` as a process, and what it has said.
 * @module
 */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Accepted, Orders, Saying } from "./demo_agent.ts";

export class AgentProcess {
  sent = 0;
  readonly accepted: Accepted[] = [];
  /** The ids that each handler heard. */
  readonly heard: Record<string, string[]> = {};
  metered: Extract<Saying, { say: "metered" }>["tools"] = {};
  /** It has said so, or it will say nothing more. */
  tried = false;
  readonly #process: Deno.ChildProcess;
  readonly #listening: Promise<void>;
  readonly #onSaying: (saying: Saying) => void;

  /** It may listen and send on loopback, read the examples, and use the folder of its database: no more. */
  constructor(orders: Orders, onSaying: (saying: Saying) => void) {
    const here = fileURLToPath(new URL(".", import.meta.url));
    const folder = dirname(orders.path);
    const allowed = [
      "--allow-net=127.0.0.1",
      `--allow-read=${here},${folder}`,
      `--allow-write=${folder}`,
    ];
    const args = [...allowed, "--unstable-kv", `${here}demo_agent.ts`, JSON.stringify(orders)];
    this.#onSaying = onSaying;
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", ...args],
      stdin: "null",
      stdout: "piped",
    }).spawn();
    this.#listening = this.#listen().finally(() => this.tried = true);
  }

  /** Sends a signal, and waits until it has ended and all that it said was heard. */
  async end(signal: Deno.Signal): Promise<Deno.CommandStatus> {
    try {
      this.#process.kill(signal);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended by itself
    }
    await this.#listening;
    return await this.#process.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
  }

  async #listen(): Promise<void> {
    let rest = "";
    for await (const text of this.#process.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.#hear(JSON.parse(line));
    }
  }

  #hear(saying: Saying): void {
    if (saying.say === "sent") this.sent++;
    else if (saying.say === "accepted") this.accepted.push(saying);
    else if (saying.say === "heard") (this.heard[saying.by] ??= []).push(saying.id);
    else if (saying.say === "metered") this.metered = saying.tools;
    else if (saying.say === "tried") this.tried = true;
    this.#onSaying(saying);
  }
}
