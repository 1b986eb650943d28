import type { Tool } from "./agent.ts";

/** The denials of a tool's calls: Mastra takes them for output of the tool. */
export class Denials {
  readonly #texts = new Set<string>();

  /** Notes what the model is told of a denial, and returns it. */
  note(text: string): string {
    this.#texts.add(text);
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
