/**
 * The parts of `@strands-agents/sdk` that the adapter uses, by structure, and the content of its messages
 * and results, as gates see it.
 * @module
 */

import { copyWith } from "../copy_with.ts";
import { copyOf, REJECTED } from "../params.ts";
import type { AllowedCall } from "../tool_call.ts";

/** The part of `@strands-agents/sdk` that the adapter uses: pass the whole module. */
export interface StrandsSdk {
  /** Says that a run has ended. */
  readonly AfterInvocationEvent: AnyClass;
  /** Says that a run begins. */
  readonly BeforeInvocationEvent: AnyClass;
  /** Says that the model is about to be called. */
  readonly BeforeModelCallEvent: AnyClass;
  /** Says that a tool is about to be called. */
  readonly BeforeToolCallEvent: AnyClass;
  /** Where a tool runs. */
  readonly ExecuteToolStage: object;
  /** Where the model is called. */
  readonly InvokeModelStage: object;
  /** A message of a conversation. */
  readonly Message: AnyClass;
  /** Says that a conversation has another message. */
  readonly MessageAddedEvent: AnyClass;
  /** A text in a message. */
  readonly TextBlock: AnyClass;
  /** The result of a tool. */
  readonly ToolResultBlock: AnyClass;
  /** Creates a block from the result of a tool. */
  readonly toolResultContentFromData: (data: never) => object;
}

/** A class of Strands. */
// deno-lint-ignore no-explicit-any -- its arguments differ from class to class
export type AnyClass = new (...args: any[]) => object;

type Block = { readonly type: string; readonly text?: string; readonly json?: unknown };
export type Message = { readonly role: string; readonly content: readonly Block[] };
export type ToolResult = {
  readonly toolUseId: string;
  readonly status: "success" | "error";
  readonly content: readonly Block[];
  readonly error?: Error;
};
export type Agent = {
  readonly id?: string;
  readonly name?: string;
  readonly sessionId?: string;
  readonly messages: object[];
  readonly cancelSignal: AbortSignal;
  readonly isInvoking?: boolean;
  addHook(type: AnyClass, callback: (event: never) => unknown, options: object): unknown;
  /** Returns a function that removes it. */
  addMiddleware(stage: object, handler: (context: never, next: never) => unknown): () => void;
};
/** What the events of agents have in common. */
export type AgentEvent = { readonly agent: Agent };
export type Stage<Context, Result> = (
  context: Context,
) => AsyncGenerator<unknown, Result, undefined>;
export type ModelContext = {
  readonly model: {
    readonly modelId?: string | undefined;
    getConfig?(): { readonly modelId?: string | undefined };
  };
};
export type ModelOutput = {
  readonly result: {
    readonly message: Message;
    readonly stopReason: string;
    readonly metadata?: {
      readonly usage?: {
        readonly inputTokens: number;
        readonly outputTokens: number;
        readonly cacheReadInputTokens?: number | undefined;
        readonly cacheWriteInputTokens?: number | undefined;
      };
      readonly metrics?: { readonly timeToFirstByteMs?: number | undefined };
    };
  };
};
export type ToolContext = {
  readonly tool?:
    | {
      readonly name?: string;
      readonly agent?: unknown;
      /** The Zod schema that a tool applies to its input, its function, and the tool that runs both. Private. */
      readonly _inputSchema?: Schema;
      readonly _callback?: Callback;
      readonly _functionTool?: Streaming & { readonly _callback?: Callback };
    } & Streaming
    | undefined;
  readonly toolUse: { readonly name: string; readonly toolUseId: string; readonly input: unknown };
  readonly cancelSignal: AbortSignal;
};
type Streaming = { readonly stream?: unknown };
type Callback = (input: unknown, ...others: unknown[]) => unknown;
type Schema = {
  parse?(input: unknown): unknown;
  readonly _def?: { readonly type?: unknown; readonly typeName?: unknown };
};
export type ToolOutput = { readonly result: ToolResult };

/** Returns whether a tool's `agent` is an agent of Strands. */
export function isAgent(value: unknown): value is Agent {
  return typeof (value as Agent | undefined)?.addMiddleware === "function";
}

/** Returns the schema that a tool applies to its input; undefined if it applies none. */
export function schemaOf({ _inputSchema: schema }: NonNullable<ToolContext["tool"]>): unknown {
  const { type, typeName = type } = schema?._def ?? {};
  return typeName === "void" || typeName === "ZodVoid" ? undefined : schema; // the SDK ignores these
}

/** Returns whether a tool can get what gates judged without another use of its schema. */
export function isJudgeable(tool: NonNullable<ToolContext["tool"]>): boolean {
  const { _callback: callback, _functionTool: runner } = tool;
  return typeof callback === "function" && typeof runner?._callback === "function" &&
    isUnwrapped(tool) && isUnwrapped(runner);
}

/**
 * Returns whether a tool's `stream` is the one of the class that created it. Another one may belong to another tool,
 * such as a function that was bound: then a copy with a callback of its own isn't what runs.
 */
function isUnwrapped(tool: Streaming): boolean {
  let own: unknown;
  for (let at: Streaming | null = tool; at !== null; at = Object.getPrototypeOf(at)) {
    if (Object.hasOwn(at, "stream")) own = at.stream;
  }
  return tool.stream === own;
}

/** Returns a tool like another, that runs with what gates judged, or not at all. */
export function judgedTool(tool: ToolContext["tool"], call: AllowedCall): ToolContext["tool"] {
  const { parsed, params } = call;
  if (parsed === undefined || tool === undefined || !isJudgeable(tool)) return tool;
  const callback: Callback = (input, ...others) => {
    if (parsed === "accepted") return tool._callback!(copyOf(params), ...others);
    tool._inputSchema!.parse?.(input); // says why
    throw new TypeError(REJECTED);
  };
  const runner = copyWith(tool._functionTool!, { _callback: callback });
  return copyWith(tool, { _functionTool: runner });
}

/** Returns the text of a message. */
export function textOf(content: readonly Block[]): string {
  return content.flatMap(({ text, type }) => type === "textBlock" ? [text] : []).join("\n");
}

/** Returns an error as gates see it: the text or, if there is more, the JSON of all blocks. */
export function errorTextOf(content: readonly Block[]): string {
  const isText = content.every(({ type }) => type === "textBlock");
  return isText ? textOf(content) : JSON.stringify(content);
}

/** Returns a result as gates see it: the text or JSON of its only block, or the data of its blocks. */
export function valueOf(content: readonly Block[]): unknown {
  const [block] = content;
  if (isSingle(content)) return block!.type === "textBlock" ? block!.text : block!.json;
  return JSON.parse(JSON.stringify(content));
}

/** The opposite of `valueOf`, for content of the same form: data from which the SDK creates blocks. */
export function dataOf(value: unknown, content: readonly Block[]): object[] {
  if (typeof value === "string") return [{ text: value }];
  return isSingle(content) || !Array.isArray(value) ? [{ json: value }] : value;
}

function isSingle(content: readonly Block[]): boolean {
  return content.length === 1 && ["textBlock", "jsonBlock"].includes(content[0]!.type);
}
