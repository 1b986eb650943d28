/**
 * Plays `conversation.jsonl`, which replaces the user, the model, and the clock.
 * @module
 */
import { readFile } from "node:fs/promises";
import { type Agent, MINUTE, type Model, type Step } from "./agent.ts";

type Line =
  | { readonly role: "user"; readonly content: string; readonly stop_after_ms?: number }
  | { readonly role: "assistant" } & (Step | { readonly error: string })
  | { readonly role: "clock"; readonly minutes: number };

/** A script of what the user says, what the model replies, and how much time passes. */
export class Conversation {
  readonly #lines: Line[];
  #now: number;

  constructor(lines: readonly Line[]) {
    this.#lines = [...lines];
    this.#now = Date.now();
  }

  /** Reads the first messages of the user, or all of them, with everything that follows each. */
  static async read(messages = Infinity): Promise<Conversation> {
    const text = await readFile(new URL("conversation.jsonl", import.meta.url), "utf8");
    const lines = text.trim().split("\n").map((line): Line => JSON.parse(line));
    let seen = 0;
    const end = lines.findIndex(({ role }) => role === "user" && ++seen > messages);
    return new Conversation(end < 0 ? lines : lines.slice(0, end));
  }

  /** The clock of the script. */
  readonly now = (): number => this.#now;

  /** The model: returns its next line of the script. */
  readonly model: Model = () => {
    const line = this.#lines.shift();
    if (line?.role !== "assistant") return Promise.reject(new Error("the script has no reply"));
    return "error" in line ? Promise.reject(new Error(line.error)) : Promise.resolve(line);
  };

  /** Plays the user and the clock. Calls `heading` before each step. */
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
