import { createEventId } from "../../internal/uuid.ts";
import { contentText, withContentText } from "../content.ts";
import type { AgentRun } from "../run.ts";
import { deniedMessage, type Message, usageOf, withContent } from "./messages.ts";
import type { Runs, Runtime } from "./runs.ts";
import { callTool, type ToolErrors, type ToolHandler, type ToolRequest } from "./tool_calls.ts";

type ModelRequest = { readonly model: Model; readonly runtime: Runtime };

/** A chat model. Providers name the same things differently. */
type Model = {
  readonly model?: unknown;
  readonly modelName?: unknown;
  getLsParams?(options: object): { readonly ls_provider?: string; readonly ls_model_name?: string };
};

/** Returns a middleware that lets gates judge messages and tool calls, and emits events of models. */
export function createMiddleware(runs: Runs, toolErrors: ToolErrors): object {
  return {
    name: "omniagent-hooks",
    beforeAgent: {
      canJumpTo: ["end"],
      hook: (state: { readonly messages: readonly Message[] }, runtime: Runtime) =>
        received(runs.of(runtime), state.messages, runtime.signal),
    },
    wrapModelCall: (
      request: ModelRequest,
      handler: (request: ModelRequest) => Promise<Message>,
    ) => callModel(runs.of(request.runtime), request, handler),
    wrapToolCall: (request: ToolRequest, handler: ToolHandler) =>
      callTool(runs, request, { handler, toolErrors }),
  };
}

/**
 * Lets gates judge the messages from the user since the last response: an earlier run may have ended before gates
 * decided. A denied one ends the run, with the reason as the agent's response, and leaves the conversation.
 */
async function received(
  run: AgentRun,
  messages: readonly Message[],
  signal: AbortSignal | undefined,
): Promise<object | undefined> {
  const last = messages.findLastIndex(({ type }) => type === "ai" || type === "tool");
  let denied: string | undefined;
  const changed: Message[] = []; // LangChain replaces messages that have the same id
  for (const message of messages.slice(last + 1)) {
    if (message.type !== "human") continue;
    const text = contentText(message.content);
    const judged = await run.judgeReceived(text, "user", signal);
    if ("denied" in judged) {
      denied ??= judged.denied;
      changed.push(deniedMessage(message));
    } else if (judged.content !== text) {
      const content = withContentText(message.content, judged.content, "text");
      changed.push(withContent(message, content));
    }
  }
  if (denied !== undefined) {
    return { jumpTo: "end", messages: [...changed, { role: "assistant", content: denied }] };
  }
  return changed.length > 0 ? { messages: changed } : undefined;
}

async function callModel(
  run: AgentRun,
  request: ModelRequest,
  handler: (request: ModelRequest) => Promise<Message>,
): Promise<Message> {
  run.throwIfStopped();
  const { model } = request;
  const id = createEventId();
  const { ls_provider: provider, ls_model_name: name } = model.getLsParams?.({}) ?? {};
  const names = [name, model.model, model.modelName, model.constructor.name];
  await run.modelCalled(id, { model: names.find(isText)!, provider });
  try {
    const response = await handler(request);
    const { finish_reason, stop_reason } = response.response_metadata ?? {};
    const finishReason = finish_reason ?? stop_reason;
    await run.modelCompleted(id, { usage: usageOf(response), finishReason });
    return response;
  } catch (error) {
    await run.modelCompleted(id, { error });
    throw error;
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
