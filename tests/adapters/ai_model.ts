/**
 * A model of the AI SDK that follows a script: Mastra uses those models, too.
 * @module
 */
import { type HostedCall, load, type Turn, USAGE } from "./driver.ts";

const { MockLanguageModelV3, MockLanguageModelV4, simulateReadableStream } = await load("ai/test");

type Part = { readonly text?: string };

const usage = {
  inputTokens: { total: USAGE.input, noCache: USAGE.input },
  outputTokens: { total: USAGE.output, text: USAGE.output },
};

/** A delay of 0 is a timer, which an abort leaves behind. */
const NO_DELAYS = { initialDelayInMs: null, chunkDelayInMs: null };

/** Returns a model that responds as a script says, by version 3 or 4 of the SDK's interface. */
export function scriptedModel(turns: readonly Turn[], version: 3 | 4) {
  let next = 0;
  const content = (): readonly Part[] => {
    const turn = turns[next++]!;
    if ("error" in turn) throw new Error(turn.error);
    if ("text" in turn) return [...hosted(turn), { type: "text", text: turn.text } as Part];
    return turn.calls.map(({ id, name, params }): object => ({
      type: "tool-call",
      toolCallId: id,
      toolName: name,
      input: JSON.stringify(params),
    }));
  };
  const finish = (parts: readonly Part[]) => {
    const unified = parts.at(-1)!.text === undefined ? "tool-calls" : "stop";
    return { usage, finishReason: { unified, raw: unified } };
  };
  const Model = version === 3 ? MockLanguageModelV3 : MockLanguageModelV4;
  return new Model({
    doGenerate: () => {
      const parts = content();
      return Promise.resolve({ ...finish(parts), warnings: [], content: parts });
    },
    doStream: () => {
      const turn = turns[next]!;
      if ("error" in turn && turn.after !== undefined) {
        next++;
        const [start, delta] = chunksOf({ text: turn.after });
        const failure = { type: "error", error: new Error(turn.error) };
        const chunks = [{ type: "stream-start", warnings: [] }, start, delta, failure];
        return Promise.resolve({ stream: simulateReadableStream({ chunks, ...NO_DELAYS }) });
      }
      const parts = content();
      const chunks = [
        { type: "stream-start", warnings: [] },
        ...parts.flatMap(chunksOf),
        { type: "finish", ...finish(parts) },
      ];
      return Promise.resolve({ stream: simulateReadableStream({ chunks, ...NO_DELAYS }) });
    },
  });
}

/** What the provider did before it responded. */
function hosted({ hosted: call }: { readonly hosted?: HostedCall }): readonly Part[] {
  if (call === undefined) return [];
  const { id: toolCallId, name: toolName, params, result } = call;
  const part = { toolCallId, toolName, providerExecuted: true };
  return [
    { ...part, type: "tool-call", input: JSON.stringify(params) } as Part,
    { ...part, type: "tool-result", result } as Part,
  ];
}

/** Returns a part as a stream has it: text in three chunks. */
export function chunksOf(part: Part): readonly object[] {
  if (part.text === undefined) return [part];
  const id = "t";
  return [
    { type: "text-start", id },
    { type: "text-delta", id, delta: part.text },
    { type: "text-end", id },
  ];
}
