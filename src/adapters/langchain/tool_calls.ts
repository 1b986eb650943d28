/**
 * Tool calls of LangChain: gates judge each one and its result.
 * @module
 */
import { errorMessage } from "../../internal/issues.ts";
import { createEventId } from "../../internal/uuid.ts";
import { copyOf } from "../params.ts";
import type { AgentRun } from "../run.ts";
import {
  type AllowedCall,
  denialText,
  type ToolOutcome,
  toRecord,
  withContext,
} from "../tool_call.ts";
import { CHANGED } from "./judged_calls.ts";
import { hasRunId, isJudgeable, judgedTool, schemaOf, startsAsCopy } from "./judged_tool.ts";
import { isCommand, type Message, type View, viewOfCommand, withContent } from "./messages.ts";
import type { Runs, Runtime } from "./runs.ts";

/** A call, as LangChain passes it to middleware. */
export type ToolRequest = {
  readonly toolCall: { readonly id?: string; readonly name: string; readonly args: unknown };
  readonly tool?: unknown;
  readonly runtime: Runtime;
};

/** Continues with a call: with the next middleware or, after the last one, the tool. */
export type ToolHandler = (request: ToolRequest) => Promise<Message>;

/** Runs the tool of a call that gates allow. */
type Executor = (request: ToolRequest, call: AllowedCall) => Promise<Message>;

/** What becomes of a tool's error: a message for the model, or an error for other middleware. */
export type ToolErrors = "message" | "throw";

/**
 * Judges a call by the name that the model wrote. If middleware before this one has put a tool of another name in its
 * place, that is judged, too, as a call in this one: it runs, and it may do whatever the model's name says.
 */
export function callTool(
  runs: Runs,
  { toolCall, ...others }: ToolRequest,
  { handler, toolErrors }: { readonly handler: ToolHandler; readonly toolErrors: ToolErrors },
): Promise<Message> {
  const run = runs.of(others.runtime);
  const request = { ...others, toolCall: { ...toolCall } }; // nobody can change it while gates decide
  const { name } = toolCall;
  const { name: own = name } = (request.tool ?? {}) as { readonly name?: string };
  const how = {
    toolErrors,
    contexts: new Set<string>(),
    judgesResults: () => runs.judgesResults,
    respond: (text: Reply) => reply(request, handler, text),
  };
  const last = judgedBy(runs, handler, own);
  if (own === name) {
    return judgeTool(run, request, { ...how, name, execute: last, isLast: true, isInner: false });
  }
  const execute: Executor = (judged) =>
    judgeTool(run, judged, { ...how, name: own, execute: last, isLast: true, isInner: true });
  return judgeTool(run, request, { ...how, name, execute, isLast: false, isInner: false });
}

/** Returns a handler of a call that notes that gates have judged it, and runs its tool with what they judged. */
function judgedBy(runs: Runs, handler: ToolHandler, name: string): Executor {
  return async (request, call) => {
    const { tool: own, toolCall } = request;
    const runId = createEventId();
    const isGuarded = runs.judgesCalls;
    const isCopied = isGuarded && own !== undefined;
    const refuse = (): never => runs.refuse(name, CHANGED);
    const tool = isCopied ? judgedTool(own, call, { toolCall, runId, refuse }) : own;
    const end = runs.judge(request.runtime, {
      name,
      callId: toolCall.id,
      args: toolCall.args,
      // No other tool starts in a run with this id, not even one that other middleware provides.
      runId: isGuarded && (own === undefined || hasRunId(own)) ? runId : undefined,
      isCopy: isCopied && startsAsCopy(own),
    });
    try {
      return await handler({ ...request, tool });
    } finally {
      end();
    }
  };
}

/** How a call is judged, and how it runs. */
type Judging = {
  readonly name: string;
  readonly execute: Executor;
  /** Whether the tool runs next, and not another decision. */
  readonly isLast: boolean;
  /** Whether it is a call in another one, which tells the model how this one ends. */
  readonly isInner: boolean;
  /** What gates add for the model to the result: of the call, and of the one in it. */
  readonly contexts: Set<string>;
  /** Makes a message without running a tool. */
  readonly respond: (reply: Reply) => Promise<Message>;
  readonly toolErrors: ToolErrors;
  readonly judgesResults: () => boolean;
};

/** Tells the outer call that gates denied the inner one, or its result. */
class InnerDenial extends Error {
  readonly what: string;

  constructor({ text, what }: Reply) {
    super(text);
    this.what = what;
  }
}

async function judgeTool(
  run: AgentRun,
  request: ToolRequest,
  judging: Judging,
): Promise<Message> {
  const { args, id: callId } = request.toolCall;
  const { signal, configurable } = request.runtime;
  // If a tool of another name runs, that is judged next, with what its schema makes of the arguments.
  const schema = judging.isLast ? schemaOf(request.tool) : undefined;
  const reapplies = !isJudgeable(request.tool);
  const call = { name: judging.name, params: args, callId, signal, schema, reapplies };
  const opened = await run.begin(call, { endsByItself: true, place: placeOf(configurable) });
  if (opened.type === "denied") {
    return await denied(judging, { text: denialText(opened.denial), what: "was denied" });
  }
  if (opened.context !== undefined) judging.contexts.add(opened.context);
  const ran = await runTool(request, opened, judging);
  const { outcome } = ran;
  if (outcome.type === "denied") {
    return await denied(judging, {
      text: denialText(outcome.denial),
      what: ran.denied ?? RESULT_DENIED,
    });
  }
  if (outcome.type === "result") return await resultOf(ran.returned!, outcome.value, judging);
  const { error } = outcome;
  if (ran.denied !== undefined) {
    return await denied(judging, { text: errorMessage(error), what: ran.denied });
  }
  const isThrown = judging.isInner || judging.toolErrors === "throw";
  if (isThrown || signal?.aborted || isInvalidInput(error)) throw error;
  // What LangChain itself does without middleware; with it, the run would fail.
  const text = `${error}\n Please fix your mistakes.`;
  return await judging.respond({ text, what: "failed" });
}

const RESULT_DENIED = "has run, and its result was denied";

/** Tells the model that gates denied a call. @throws {InnerDenial} in another call, which tells the model */
async function denied({ isInner, respond }: Judging, reply: Reply): Promise<Message> {
  if (isInner) throw new InnerDenial(reply);
  return await respond(reply);
}

/** What a tool returned. */
type Returned = {
  readonly message: Message;
  /** The part that gates could judge. */
  readonly seen: View;
  /** Whether they did. */
  readonly isJudged: boolean;
  /** What carries a command through the tool to the agent's graph, if a graph in the tool sent it. */
  readonly sent?: unknown;
};

/** What became of a call that gates allowed. */
type Ran = {
  readonly outcome: ToolOutcome;
  /** What its tool returned; undefined if it failed. */
  readonly returned?: Returned;
  /** What was denied, if something was: the inner call, or the result. */
  readonly denied?: string;
};

/** Runs the tool of a call that gates allow, and lets them judge the result. @throws what pauses the run */
async function runTool(
  request: ToolRequest,
  opened: AllowedCall,
  { execute, judgesResults }: Judging,
): Promise<Ran> {
  try {
    const args = opened.parsed === "accepted" ? toRecord(copyOf(opened.params)) : opened.params;
    const judged = { ...request, toolCall: { ...request.toolCall, args } };
    const [message, sent] = await opened.within(() => resultOrCommand(execute(judged, opened)));
    const seen = viewOf(message);
    const isJudged = judgesResults();
    if (seen.problem !== undefined && isJudged) {
      const text = `Gates can't judge the result, a command that isn't JSON: ${seen.problem}`;
      const error = new TypeError(text);
      await opened.fail(error);
      return { outcome: { type: "error", error }, denied: RESULT_DENIED };
    }
    const outcome = await opened.complete(seen.value);
    return { outcome, returned: { message, seen, isJudged, sent } };
  } catch (error) {
    if (isPause(error)) {
      opened.pause();
      throw error;
    }
    const outcome = await opened.fail(error);
    return error instanceof InnerDenial ? { outcome, denied: error.what } : { outcome };
  }
}

/** Returns a result or, if a graph in the tool sent a command to the agent's graph, that and what carries it. */
async function resultOrCommand(running: Promise<Message>): Promise<[Message, sent?: unknown]> {
  try {
    return [await running];
  } catch (error) {
    const { name, command } = (error ?? {}) as {
      readonly name?: unknown;
      readonly command?: Message;
    };
    if (name === "ParentCommand" && command !== undefined) return [command, error];
    throw error;
  }
}

/** Returns the tool's own message, or what gates changed it to. @throws what carries a command that gates allow */
async function resultOf(
  { message, seen, isJudged, sent }: Returned,
  judged: unknown,
  { isInner, contexts, respond }: Judging,
): Promise<Message> {
  const context = isInner || contexts.size === 0 ? undefined : [...contexts].join("\n\n");
  const value = isCommand(message) ? judged : told(judged, context);
  // The tool may have changed its result in the meantime.
  const isSame = !isJudged && value === seen.value ||
    JSON.stringify(value) === JSON.stringify(viewOf(message).value);
  if (isSame && sent !== undefined) throw sent;
  if (isSame) return message;
  if (!isCommand(message)) return withContent(message, value);
  // A command changes more than messages, so the rewritten text replaces all of it.
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return await respond({ text, what: "has run, and a gate rewrote its result", status: "success" });
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
