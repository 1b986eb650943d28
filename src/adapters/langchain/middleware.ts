import { createEventId } from "../../internal/uuid.ts";
import { contentText, withContentText } from "../content.ts";
import type { DeniedCall } from "../../core/mod.ts";
import { copyOf } from "../params.ts";
import type { AgentRun } from "../run.ts";
import {
  type AllowedCall,
  denialText,
  type ToolOutcome,
  toRecord,
  withContext,
} from "../tool_call.ts";
import { isJudgeable, judgedTool } from "./judged_tool.ts";
import {
  isCommand,
  type Message,
  usageOf,
  type View,
  viewOfCommand,
  withContent,
} from "./messages.ts";
import type { Runs, Runtime } from "./runs.ts";

type ToolRequest = {
  readonly toolCall: { readonly id?: string; readonly name: string; readonly args: unknown };
  readonly tool?: unknown;
  readonly runtime: Runtime;
};

type ToolHandler = (request: ToolRequest) => Promise<Message>;

/** Runs the tool of a call that gates allow. */
type Executor = (request: ToolRequest, call: AllowedCall) => Promise<Message>;

type ModelRequest = { readonly model: Model; readonly runtime: Runtime };

/** A chat model. Providers name the same things differently. */
type Model = {
  readonly model?: unknown;
  readonly modelName?: unknown;
  getLsParams?(options: object): { readonly ls_provider?: string; readonly ls_model_name?: string };
};

/** Returns a middleware that lets gates judge messages and tool calls, and emits events of models. */
export function createMiddleware(runs: Runs, toolErrors: "message" | "throw"): object {
  return {
    name: "omniagent-hooks",
    beforeAgent: {
      canJumpTo: ["end"],
      hook: (state: { readonly messages: readonly Message[] }, runtime: Runtime) =>
        received(runs.of(runtime), state.messages.at(-1), runtime.signal),
    },
    wrapModelCall: (
      request: ModelRequest,
      handler: (request: ModelRequest) => Promise<Message>,
    ) => callModel(runs.of(request.runtime), request, handler),
    wrapToolCall: (request: ToolRequest, handler: ToolHandler) =>
      callTool(runs, request, { handler, toolErrors }),
  };
}

/** Returns a handler of a call that notes that gates have judged it, and runs its tool with what they judged. */
function judgedBy(runs: Runs, handler: ToolHandler, name: string): Executor {
  return async (request, call) => {
    const { id: callId, args } = request.toolCall;
    const id = createEventId();
    const tool = runs.judgesCalls ? judgedTool(request.tool, call, id) : request.tool;
    // No other tool starts in a run with this id, not even one that other middleware provides.
    const isOnly = runs.judgesCalls && (tool !== request.tool || tool === undefined);
    const runId = isOnly ? id : undefined;
    const end = runs.judge(request.runtime, { name, callId, args, runId });
    try {
      return await handler({ ...request, tool });
    } finally {
      end();
    }
  };
}

/** A message that is denied ends the run, with the reason as the agent's response. */
async function received(
  run: AgentRun,
  message: Message | undefined,
  signal: AbortSignal | undefined,
): Promise<object | undefined> {
  if (message?.type !== "human") return undefined;
  const text = contentText(message.content);
  const judged = await run.judgeReceived(text, "user", signal);
  if ("denied" in judged) {
    return { jumpTo: "end", messages: [{ role: "assistant", content: judged.denied }] };
  }
  // LangChain replaces the message that has the same id.
  if (judged.content === text) return undefined;
  const content = withContentText(message.content, judged.content, "text");
  return { messages: [withContent(message, content)] };
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

/**
 * Judges a call by the name that the model wrote. If middleware before this one has put a tool of another name in its
 * place, that is judged, too: it runs, and it may do whatever the model's name says.
 */
function callTool(
  runs: Runs,
  { toolCall, ...others }: ToolRequest,
  { handler, toolErrors }: Pick<Judging, "handler" | "toolErrors">,
): Promise<Message> {
  const run = runs.of(others.runtime);
  const request = { ...others, toolCall: { ...toolCall } }; // nobody can change it while gates decide
  const { name } = toolCall;
  const { name: own = name } = (request.tool ?? {}) as { readonly name?: string };
  const how = { handler, toolErrors, judgesResults: () => runs.judgesResults };
  const last = judgedBy(runs, handler, own);
  const execute: Executor = own === name
    ? last
    : (judged) => judgeTool(run, judged, { ...how, name: own, execute: last, isLast: true });
  return judgeTool(run, request, { ...how, name, execute, isLast: own === name });
}

/** How a call is judged, and how it runs. */
type Judging = {
  readonly name: string;
  readonly execute: Executor;
  /** Whether the tool runs next, and not another decision. */
  readonly isLast: boolean;
  /** Responds to a call whose tool doesn't run. */
  readonly handler: ToolHandler;
  readonly toolErrors: "message" | "throw";
  readonly judgesResults: () => boolean;
};

async function judgeTool(
  run: AgentRun,
  request: ToolRequest,
  { name, execute, isLast, handler, toolErrors, judgesResults }: Judging,
): Promise<Message> {
  const { toolCall, runtime: { signal, configurable } } = request;
  const { args, id: callId } = toolCall;
  // If a tool of another name runs, that is judged next, with what its schema makes of the arguments.
  const { schema } = (isLast ? request.tool ?? {} : {}) as { readonly schema?: unknown };
  const reapplies = !isJudgeable(request.tool);
  const call = { name, params: args, callId, signal, schema, reapplies };
  const opened = await run.begin(call, { endsByItself: true, place: placeOf(configurable) });
  const deny = (denial: DeniedCall, what: string): Promise<Message> =>
    reply(request, handler, { text: denialText(denial), what });
  if (opened.type === "denied") return await deny(opened.denial, "was denied");
  let message: Message | undefined;
  let seen: View | undefined;
  let isJudged = true;
  let outcome: ToolOutcome;
  try {
    const own = opened.parsed === "accepted" ? toRecord(copyOf(opened.params)) : opened.params;
    const judged = { ...request, toolCall: { ...toolCall, args: own } };
    message = await opened.within(() => execute(judged, opened));
    seen = viewOf(message);
    isJudged = judgesResults();
    if (seen.problem !== undefined && isJudged) {
      const text = `Gates can't judge the result, a command that isn't JSON: ${seen.problem}`;
      await opened.fail(new TypeError(text));
      return await reply(request, handler, { text, what: "has run, and its result was denied" });
    }
    outcome = await opened.complete(seen.value);
  } catch (error) {
    if (isPause(error)) {
      opened.pause();
      throw error;
    }
    outcome = await opened.fail(error);
  }
  if (outcome.type === "denied") {
    return await deny(outcome.denial, "has run, and its result was denied");
  }
  if (outcome.type === "result") {
    const value = isCommand(message!) ? outcome.value : told(outcome.value, opened.context);
    if (!isJudged && value === seen!.value) return message!;
    // The tool may have changed its result in the meantime.
    if (JSON.stringify(value) === JSON.stringify(viewOf(message!).value)) return message!;
    // A command changes more than messages, so the rewritten text replaces all of it.
    return isCommand(message!)
      ? await reply(request, handler, {
        text: typeof value === "string" ? value : JSON.stringify(value),
        what: "has run, and a gate rewrote its result",
        status: "success",
      })
      : withContent(message!, value);
  }
  const { error } = outcome;
  if (toolErrors === "throw" || signal?.aborted || isInvalidInput(error)) throw error;
  // What LangChain itself does without middleware; with it, the run would fail.
  const text = `${error}\n Please fix your mistakes.`;
  return await reply(request, handler, { text, what: "failed" });
}

/** Returns where LangGraph would pause a call: in a task of a thread. Undefined if it isn't in a graph. */
function placeOf({ checkpoint_ns, thread_id }: Runtime["configurable"] = {}): string | undefined {
  return checkpoint_ns ? JSON.stringify([thread_id, checkpoint_ns]) : undefined;
}

/** Returns content with the text that gates add for the model. */
function told(content: unknown, context: string | undefined): unknown {
  return context !== undefined && Array.isArray(content)
    ? [...content, { type: "text", text: context }]
    : withContext(content, context);
}

/** The name that middleware behind this one sees of a call whose tool must not run: it may provide tools by name. */
const REPLY = "omniagent_reply";

/** What a message says, and what became of the call. */
type Reply = { readonly text: string; readonly what: string; readonly status?: string };

/** Makes a message for a call whose tool doesn't run, or has run, by a tool that only returns it. */
async function reply(
  request: ToolRequest,
  handler: ToolHandler,
  { text, what, status = "error" }: Reply,
): Promise<Message> {
  const { name } = request.toolCall;
  let isOurs = false;
  const invoke = (): string => {
    isOurs = true;
    return text;
  };
  const toolCall = { ...request.toolCall, name: REPLY };
  const instead = (error?: unknown): unknown => {
    if (isOurs || isPause(error)) return error;
    return new Error(
      `The call of '${name}' ${what}, but middleware after that of langchainHooks responded to it: put the ` +
        "middleware of langchainHooks last",
      { cause: error },
    );
  };
  const message = await handler({ ...request, toolCall, tool: { name, invoke } }).catch((error) => {
    throw instead(error);
  });
  if (!isOurs) throw instead();
  message.status = status;
  message.name = name;
  return message;
}

/** Returns the part of a result that gates judge: the content of a message, or what a command changes. */
function viewOf(message: Message): View {
  return isCommand(message) ? viewOfCommand(message) : { value: message.content };
}

/** Returns whether an error is how LangGraph interrupts a run. */
function isPause(error: unknown): boolean {
  const { name, is_bubble_up } = (error ?? {}) as { name?: string; is_bubble_up?: boolean };
  return is_bubble_up === true || name === "GraphInterrupt" || name === "ParentCommand";
}

/** Returns whether a tool rejected its arguments: LangChain tells the model. */
function isInvalidInput(error: unknown): boolean {
  return (error as Error | null)?.name === "ToolInvocationError";
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
