import type { Usage } from "../options.ts";
import type { AgentRun, RunResult } from "../run.ts";
import { toText } from "../tool_call.ts";
import type { RunOptions, Tokens, Tools } from "./agent.ts";

/** A run, and what is known about its end. */
export class Running {
  readonly run: AgentRun;
  readonly signal: AbortSignal | undefined;
  /** Whether each call is judged, even if it was paused, because another agent's model resumes the run. */
  readonly isNew: boolean;
  /** The model call that is under way. */
  callId = 0;
  /** Why the last model call failed. */
  error: unknown;
  /** Why the message from the user was denied. */
  denied: string | undefined;
  /** The signals that gates let through, in this run and in those that it resumes. */
  allowed: Set<string> = new Set();

  constructor(run: AgentRun, signal: AbortSignal | undefined, isNew: boolean) {
    this.run = run;
    this.signal = signal;
    this.isNew = isNew;
  }

  /** Emits `message.sent`, if there is a response, and `agent.end`, once. */
  async end(result: RunResult): Promise<void> {
    const { run } = this;
    if (run.isEnded) return;
    const error = this.denied === undefined ? result.error ?? this.error : new Error(this.denied);
    const response = result.response === "" ? undefined : result.response;
    if (response !== undefined && error === undefined) await run.sent(response);
    const aborted = result.aborted || this.signal?.aborted === true;
    await run.end({ ...result, response, error, aborted });
  }
}

type Part = { readonly type: string; readonly text?: string };
type Message = {
  readonly id: string;
  readonly role: string;
  readonly type?: string;
  readonly content: {
    readonly content?: string;
    readonly parts?: readonly Part[];
    readonly metadata?: { readonly signal?: Signal };
  };
};
/** What makes a message one that was sent to a thread. An old one has its contents here. */
type Signal = { readonly type?: string; readonly contents?: unknown };
type MessageList = {
  makeMessageSourceChecker(): {
    readonly memory: ReadonlySet<string>;
    readonly input: ReadonlySet<string>;
  };
  removeByIds(ids: readonly string[]): unknown;
};
type StepInput = {
  readonly messages: readonly Message[];
  readonly messageList: MessageList;
  readonly abort: (reason: string) => never;
};
type Chunk = {
  readonly type: string;
  readonly payload?: {
    readonly error?: unknown;
    readonly output?: { readonly usage?: Tokens };
    readonly stepResult?: { readonly reason?: string };
    readonly toolCallId?: string;
    readonly toolName?: string;
    readonly args?: unknown;
    readonly result?: unknown;
    readonly providerExecuted?: boolean;
  };
};

/** Our processors. A run that follows another one in its thread is given the options of that one, with them. */
const OURS = new WeakSet<object>();

/** The `prepareStep` that each of ours calls. */
const PREPARES = new WeakMap<object, RunOptions["prepareStep"]>();

/** Adds our processors to those of a run. Ours run last, so that they see what is sent. */
export function processorsOf(
  running: Running,
  inputs: readonly object[],
  outputs: readonly object[],
): Pick<RunOptions, "inputProcessors" | "outputProcessors"> {
  const [messages, results] = [messageProcessor(running), resultProcessor(running)];
  const isOther = (processor: object): boolean => !OURS.has(processor);
  const all = {
    inputProcessors: [...inputs.filter(isOther), messages],
    outputProcessors: [...outputs.filter(isOther), results],
  };
  OURS.add(messages).add(results);
  return all;
}

/** Returns a `prepareStep` that wraps the tools of each step: Mastra calls it after processors may have added some. */
export function judgedSteps(
  given: RunOptions["prepareStep"],
  wrap: (tools: Tools) => Tools,
): NonNullable<RunOptions["prepareStep"]> {
  const own = given && PREPARES.has(given) ? PREPARES.get(given) : given;
  const prepare: RunOptions["prepareStep"] = async (step) => {
    const prepared = await own?.(step);
    const tools = prepared?.tools ?? step.tools;
    return tools ? { ...prepared, tools: wrap(tools) } : prepared;
  };
  PREPARES.set(prepare, own);
  return prepare;
}

/** Returns the processor that judges messages from the user, and sees the model calls. */
function messageProcessor(running: Running): object {
  const { run } = running;
  return {
    id: "omniagent-hooks-messages",
    async processInput({ messages, messageList, abort }: StepInput): Promise<readonly Message[]> {
      const given = messages.filter(givenIn(messageList));
      const last = given.findLast(({ role }) => role === "user");
      const isNew = (message: Message): boolean =>
        message === last || isSignal(message) && given.includes(message);
      const judged = await judgeAll(running, messages, isNew);
      return "denied" in judged ? abort(judged.denied) : judged.messages;
    },
    /** Messages that are sent during a run are added before its next step. */
    async processInputStep(
      { messages, messageList, abort }: StepInput,
    ): Promise<readonly Message[]> {
      const isGiven = givenIn(messageList);
      const isNew = (message: Message): boolean =>
        isSignal(message) && isGiven(message) && !running.allowed.has(keyOf(message));
      const judged = await judgeAll(running, messages, isNew);
      if (!("denied" in judged)) return judged.messages;
      // With `savePerStep`, memory may store what is in the list.
      messageList.removeByIds(messages.filter(isNew).map(({ id }) => id));
      return abort(judged.denied);
    },
    async processLLMRequest({ model, abort }: {
      readonly model: { readonly modelId: string; readonly provider?: string };
      readonly abort: (reason: string) => never;
    }): Promise<void> {
      if (run.stopped !== undefined) abort(run.stopped);
      running.error = undefined;
      await run.modelCalled(`${++running.callId}`, {
        model: model.modelId,
        provider: model.provider,
      });
    },
    async processLLMResponse({ chunks }: { readonly chunks: readonly Chunk[] }): Promise<void> {
      const { error } = chunks.find(({ type }) => type === "error")?.payload ?? {};
      const { output, stepResult } = chunks.findLast(({ type }) => type === "finish")?.payload ??
        {};
      running.error = error;
      await run.modelCompleted(`${running.callId}`, {
        usage: output?.usage && usageOf(output.usage),
        finishReason: stepResult?.reason,
        error: error ?? (running.signal?.aborted ? "aborted" : undefined),
      });
      await hostedTools(run, chunks);
    },
  };
}

/** Returns what tells the messages of a run from those that its memory added. */
function givenIn(messageList: MessageList): (message: Message) => boolean {
  const { memory, input } = messageList.makeMessageSourceChecker();
  return ({ id }) => input.has(id) || !memory.has(id);
}

/** Lets gates judge new messages, and returns all of them as the run goes on with them. */
async function judgeAll(
  running: Running,
  messages: readonly Message[],
  isNew: (message: Message) => boolean,
): Promise<{ readonly messages: readonly Message[] } | { readonly denied: string }> {
  const judged: Message[] = [];
  for (const message of messages) {
    if (!isNew(message)) {
      judged.push(message);
      continue;
    }
    const text = textOf(message);
    const outcome = await running.run.judgeReceived(text, "user", running.signal);
    if ("denied" in outcome) {
      running.denied = outcome.denied;
      return outcome;
    }
    const isSame = outcome.content === text;
    const allowed = isSame ? message : withText(message, outcome.content);
    running.allowed.add(keyOf(allowed));
    judged.push(allowed);
  }
  return { messages: judged };
}

/** Emits the events of tools that the provider ran in a response. */
async function hostedTools(run: AgentRun, chunks: readonly Chunk[]): Promise<void> {
  for (const { type, payload = {} } of chunks) {
    const { toolCallId: callId, toolName: name = "", result, error, providerExecuted } = payload;
    if (!providerExecuted || !/^tool-(result|error)$/.test(type)) continue;
    const isCall = ({ type, payload }: Chunk): boolean =>
      type === "tool-call" && payload?.toolCallId === callId;
    const params = chunks.find(isCall)?.payload?.args ?? {};
    await run.hosted({ name, params, callId }, error === undefined ? { result } : { error });
  }
}

/** Returns the processor that sees the result of the run. */
function resultProcessor(running: Running): object {
  return {
    id: "omniagent-hooks-results",
    async processOutputResult({ messages, result: { text, finishReason } }: {
      readonly messages: readonly Message[];
      readonly result: {
        readonly text?: string;
        readonly finishReason?: string;
      };
    }): Promise<readonly Message[]> {
      // Before the last chunk of a stream, because its reader may close the hooks next.
      await running.end({ response: text, aborted: finishReason === "aborted" });
      return messages;
    },
  };
}

/** Returns the tokens of a call, or of a run, as in events. */
function usageOf(tokens: Tokens): Usage {
  const { inputTokens = 0, outputTokens = 0, reasoningTokens } = tokens;
  const { cachedInputTokens, cacheCreationInputTokens } = tokens;
  return {
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    ...(cachedInputTokens !== undefined && { cache_read_tokens: cachedInputTokens }),
    ...(cacheCreationInputTokens !== undefined && { cache_write_tokens: cacheCreationInputTokens }),
    ...(reasoningTokens !== undefined && { reasoning_tokens: reasoningTokens }),
  };
}

/** Returns whether a message is one from the user that was sent to a thread. */
function isSignal({ role, content, type: known = "user" }: Message): boolean {
  const { type = known } = content.metadata?.signal ?? {};
  return role === "signal" && (type === "user" || type === "user-message");
}

/** The sender may choose the id: another message can have the same. */
function keyOf(message: Message): string {
  return JSON.stringify([message.id, textOf(message)]);
}

function textOf({ content: { content, parts = [], metadata } }: Message): string {
  const texts = parts.flatMap(({ type, text }) => type === "text" && text ? [text] : []);
  const contents = toText(metadata?.signal?.contents);
  if (contents) texts.unshift(contents);
  return texts.length > 0 ? texts.join("\n") : content ?? "";
}

function withText(message: Message, text: string): Message {
  const { parts = [], metadata } = message.content;
  const others = parts.filter(({ type }) => type !== "text");
  const content = { ...message.content, content: text, parts: [{ type: "text", text }, ...others] };
  if (metadata?.signal === undefined) return { ...message, content };
  const { contents: _, ...signal } = metadata.signal;
  return { ...message, content: { ...content, metadata: { ...metadata, signal } } };
}
