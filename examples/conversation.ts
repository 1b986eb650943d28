/**
 * What is said in `conversation.jsonl`: it stands in for a user, a model and a clock.
 * @module
 */
import { readFile } from "node:fs/promises";
import { type Agent, MINUTE, type Model, type Step } from "./agent.ts";

type Line =
  | { readonly role: "user"; readonly content: string; readonly stop_after_ms?: number }
  | { readonly role: "assistant" } & (Step | { readonly error: string })
  | { readonly role: "clock"; readonly minutes: number };

/** The script: what the user says, what the model would answer, and how time goes by. */
export class Conversation {
  readonly #lines: Line[];
  #now: number;

  constructor(lines: readonly Line[]) {
    this.#lines = [...lines];
    this.#now = Date.now();
  }

  /** Reads it. */
  static async read(): Promise<Conversation> {
    const text = await readFile(new URL("conversation.jsonl", import.meta.url), "utf8");
    return new Conversation(text.trim().split("\n").map((line) => JSON.parse(line)));
  }

  /** The clock of the script: hours pass in no time. */
  readonly now = (): number => this.#now;

  /** The model: its next line. */
  readonly model: Model = () => {
    const line = this.#lines.shift();
    if (line?.role !== "assistant") return Promise.reject(new Error("the script has no answer"));
    return "error" in line ? Promise.reject(new Error(line.error)) : Promise.resolve(line);
  };

  /** The user, and the time. `heading` is told what comes next. */
  async play(agent: Agent, heading: (text: string) => void = () => {}): Promise<void> {
    for (let line = this.#lines.shift(); line !== undefined; line = this.#lines.shift()) {
      if (line.role === "user") {
        const { content, stop_after_ms } = line;
        heading(`user: ${content}${stop_after_ms === undefined ? "" : " (and stops it soon)"}`);
        const signal = stop_after_ms === undefined ? undefined : AbortSignal.timeout(stop_after_ms);
        await agent.run(content, signal);
      } else if (line.role === "clock") {
        heading(`${line.minutes} minutes later`);
        this.#now += line.minutes * MINUTE;
        await agent.tick();
      }
    }
  }
}
