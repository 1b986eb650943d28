import type { Usage } from "../options.ts";
import type { AgentRun, RunResult } from "../run.ts";
import type { Tokens } from "./agent.ts";

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
  readonly role: string;
  readonly content: { readonly content?: string; readonly parts?: readonly Part[] };
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

/** Returns the processor that judges the user's message, and sees the model calls. */
export function messageProcessor(running: Running): object {
  const { run } = running;
  return {
    id: "omniagent-hooks-messages",
    async processInput({ messages, abort }: {
      readonly messages: readonly Message[];
      readonly abort: (reason: string) => never;
    }): Promise<readonly Message[]> {
      const at = messages.findLastIndex(({ role }) => role === "user");
      if (at === -1) return messages;
      const message = messages[at]!;
      const text = textOf(message);
      const judged = await run.judgeReceived(text, "user", running.signal);
      if ("denied" in judged) {
        running.denied = judged.denied;
        return abort(judged.denied);
      }
      return judged.content === text
        ? messages
        : messages.with(at, withText(message, judged.content));
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
export function resultProcessor(running: Running): object {
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

function textOf({ content: { content, parts = [] } }: Message): string {
  const texts = parts.flatMap(({ type, text }) => type === "text" && text ? [text] : []);
  return texts.length > 0 ? texts.join("\n") : content ?? "";
}

function withText(message: Message, text: string): Message {
  const { parts = [] } = message.content;
  const others = parts.filter(({ type }) => type !== "text");
  const content = { ...message.content, content: text, parts: [{ type: "text", text }, ...others] };
  return { ...message, content };
}
