/**
 * The parts of the OpenAI Agents SDK that the adapter uses, by structure.
 * @module
 */
import { contentText, withContentText } from "../content.ts";
import type { Usage } from "../options.ts";

/** A `Runner`. */
export interface SdkRunner {
  /** Runs an agent. */
  // deno-lint-ignore no-explicit-any -- generic in the SDK
  run(agent: any, input: any, options?: any): Promise<any>;
  /** Subscribes to events of runs. */
  // deno-lint-ignore no-explicit-any -- generic in the SDK
  on(type: any, listener: (...args: any[]) => void): unknown;
  /** Its configuration. */
  // deno-lint-ignore no-explicit-any -- models are generic in the SDK
  readonly config: { model?: any; modelProvider: { getModel(name?: string): any } };
}

/** An `Agent`. */
export type SdkAgent = {
  readonly name: string;
  /** Its model, or the name of one. */
  model?: SdkModel | string | undefined;
  /** Returns its tools, and those of its MCP servers, at the start of each turn. */
  getAllTools(...args: unknown[]): Promise<readonly SdkTool[]>;
  /** Announces what it is about to do. */
  emit(type: string, ...args: unknown[]): unknown;
};

/** A tool, with the function that runs it, if this process does. */
export type SdkTool = {
  readonly type: string;
  readonly name: string;
  invoke?(context: unknown, input: string, details?: InvokeDetails): Promise<unknown>;
  readonly shell?: SdkShell;
  readonly editor?: SdkEditor;
};

/** Runs the commands of a tool of type `shell`. */
export type SdkShell = { run(action: unknown): Promise<unknown> };

/** Edits files for a tool of type `apply_patch`. */
export type SdkEditor = Readonly<
  Record<
    "createFile" | "updateFile" | "deleteFile",
    (operation: SdkEdit, context?: unknown) => Promise<unknown>
  >
>;

type SdkEdit = { readonly type: "create_file" | "update_file" | "delete_file" };

/** The third argument of `invoke`. */
export type InvokeDetails = {
  readonly toolCall?: { readonly callId?: string };
  readonly signal?: AbortSignal;
};

/** A model. */
export type SdkModel = {
  getResponse(request: ModelRequest): Promise<ModelResponse>;
  getStreamedResponse(request: ModelRequest): AsyncIterable<StreamEvent>;
};

/** The request to a model. */
export type ModelRequest = { readonly input: unknown };

/** The response of a model. */
export type ModelResponse = {
  readonly output?: readonly OutputItem[];
  readonly usage?: SdkUsage;
};

type OutputItem = {
  readonly type: string;
  readonly id?: string;
  readonly name?: string;
  readonly arguments?: string;
  readonly output?: unknown;
};

type StreamEvent = { readonly type: string; readonly response?: ModelResponse };

type SdkUsage = {
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly inputTokensDetails?: Details;
  readonly outputTokensDetails?: Details;
};

type Details = Readonly<Record<string, number>> | readonly Readonly<Record<string, number>>[];

/** Returns the tokens of a response. */
export function usageOf(usage: SdkUsage = {}): Usage {
  const { inputTokens = 0, outputTokens = 0, inputTokensDetails, outputTokensDetails } = usage;
  const cached = detail(inputTokensDetails, "cached_tokens");
  const reasoning = detail(outputTokensDetails, "reasoning_tokens");
  return {
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    ...(cached !== undefined && { cache_read_tokens: cached }),
    ...(reasoning !== undefined && { reasoning_tokens: reasoning }),
  };
}

/** Returns the name of a model that was not chosen by name. */
export function nameOf(model: object): string {
  const { model: name, _model } = model as { readonly model?: unknown; readonly _model?: unknown };
  return [name, _model, model.constructor.name].find((one) => typeof one === "string") as string;
}

/** Returns the text of the last message, if it is from the user. `input` is text or a list of items. */
export function userText(input: unknown): string | undefined {
  if (typeof input === "string") return input;
  const last = Array.isArray(input) ? input.at(-1) : undefined;
  if (last?.role !== "user") return undefined;
  return contentText(last.content);
}

/** Returns an input whose last message has another text. */
export function withUserText(input: unknown, text: string): unknown {
  if (!Array.isArray(input)) return text;
  const last = input.at(-1);
  return [...input.slice(0, -1), {
    ...last,
    content: withContentText(last.content, text, "input_text"),
  }];
}

/** Parses the arguments of a call, which the model wrote, so they may be anything. */
export function parsed(input: string): unknown {
  try {
    return JSON.parse(input);
  } catch {
    return input;
  }
}

/** Returns arguments in their original form. */
export function written(input: string, params: unknown): string {
  return typeof params === "string" && parsed(input) === input ? params : JSON.stringify(params);
}

function detail(details: Details | undefined, name: string): number | undefined {
  const list = (Array.isArray(details) ? details : [details ?? {}]) as Record<string, number>[];
  const found = list.flatMap((one) => one[name] ?? []);
  return found.length === 0 ? undefined : found.reduce((sum, tokens) => sum + tokens);
}

/** Returns whether a run ended because it was aborted. */
export function isAbort(error: unknown, signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true || (error as Error | null)?.name === "AbortError";
}
