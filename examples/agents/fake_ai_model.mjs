/** A fake model of the AI SDK, whose models Mastra uses, too. */
import { answer, calls } from "./hooks.mjs";

/** Returns a model that calls all tools, then responds. `Model` is a mock of `ai/test`. */
export function fakeModel(Model) {
  const usage = {
    inputTokens: { total: 3, noCache: 3 },
    outputTokens: { total: 5, text: 5 },
  };
  const responses = [
    calls.map(({ id, name, params }) => ({
      type: "tool-call",
      toolCallId: id,
      toolName: name,
      input: JSON.stringify(params),
    })),
    [{ type: "text", text: answer }],
  ];
  return new Model({
    doGenerate: () => {
      const content = responses.shift();
      const unified = content[0].type === "text" ? "stop" : "tool-calls";
      const finishReason = { unified, raw: unified };
      return Promise.resolve({ content, finishReason, usage, warnings: [] });
    },
  });
}
