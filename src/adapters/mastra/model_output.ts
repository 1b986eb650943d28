import type { Tool } from "./agent.ts";

/** How many denials a tool remembers. Mastra asks for a denial's `toModelOutput` soon after the call. */
const MAX_TEXTS = 1_000;

/** The denials of a tool's calls: Mastra takes them for output of the tool. */
export class Denials {
  readonly #texts = new Set<string>();

  /** Notes what the model is told of a denial, in place of the oldest if there are many, and returns it. */
  note(text: string): string {
    this.#texts.delete(text); // then it is the newest
    this.#texts.add(text);
    if (this.#texts.size > MAX_TEXTS) this.#texts.delete(this.#texts.values().next().value!);
    return text;
  }

  /** Returns the `toModelOutput` of a tool, if it has one, for output of the tool only. */
  modelOutputOf(tool: Tool): Pick<Tool, "toModelOutput"> {
    if (typeof tool.toModelOutput !== "function") return {};
    return {
      toModelOutput: (output) =>
        this.#texts.has(output as string)
          ? { type: "text", value: output }
          : tool.toModelOutput!(output),
    };
  }
}
