/**
 * An agent of Strands, with a model that follows a script: `npm install @strands-agents/sdk zod @omniagent/hooks`.
 */
import { strandsHooks } from "@omniagent/hooks/strands";
import * as strands from "@strands-agents/sdk";
import { z } from "zod";
import { answer, calls, openHooks, prompt, tools } from "./hooks.mjs";

/** Calls all tools, then responds. */
class FakeModel extends strands.Model {
  #isFirst = true;

  updateConfig() {}

  getConfig() {
    return { modelId: "fake" };
  }

  async *stream() {
    const blocks = this.#isFirst
      ? calls.map(({ id, name, params }) => ({
        start: { type: "toolUseStart", name, toolUseId: id },
        delta: { type: "toolUseInputDelta", input: JSON.stringify(params) },
      }))
      : [{ delta: { type: "textDelta", text: answer } }];
    yield { type: "modelMessageStartEvent", role: "assistant" };
    for (const { start, delta } of blocks) {
      yield { type: "modelContentBlockStartEvent", start };
      yield { type: "modelContentBlockDeltaEvent", delta };
      yield { type: "modelContentBlockStopEvent" };
    }
    yield { type: "modelMessageStopEvent", stopReason: this.#isFirst ? "toolUse" : "endTurn" };
    const usage = { inputTokens: 3, outputTokens: 5, totalTokens: 8 };
    yield { type: "modelMetadataEvent", usage };
    this.#isFirst = false;
  }
}

const { hooks, close } = await openHooks();

const inputSchema = z.object({ invoice: z.number() });
const agent = new strands.Agent({
  model: new FakeModel(),
  tools: Object.entries(tools).map(([name, callback]) =>
    strands.tool({ name, description: "Works with invoices", inputSchema, callback })
  ),
  printer: false,
  plugins: [strandsHooks(hooks, strands, { sessionId: "strands" })],
});
const result = await agent.invoke(prompt);
console.log(String(result));
await close();
