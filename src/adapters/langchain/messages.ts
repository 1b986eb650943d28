/**
 * Messages of LangChain, and commands of LangGraph in place of them, by structure.
 * @module
 */
import { errorMessage } from "../../internal/issues.ts";
import { copyJson } from "../../internal/json.ts";
import { contentText, DENIED_MESSAGE } from "../content.ts";
import type { Usage } from "../options.ts";

/** A message. */
export type Message = {
  readonly type?: string;
  readonly id?: string;
  name?: string;
  readonly content: unknown;
  readonly tool_calls?: readonly unknown[];
  readonly invalid_tool_calls?: readonly unknown[];
  readonly tool_call_id?: string;
  readonly artifact?: unknown;
  readonly additional_kwargs?: object;
  readonly response_metadata?: {
    readonly finish_reason?: string;
    readonly stop_reason?: string;
    readonly model_name?: string;
  };
  readonly usage_metadata?: {
    readonly input_tokens?: number;
    readonly output_tokens?: number;
    readonly input_token_details?: {
      readonly cache_read?: number;
      readonly cache_creation?: number;
    };
    readonly output_token_details?: { readonly reasoning?: number };
  };
  status?: string;
};

/** Returns a message like another, with new content. */
export function withContent(message: Message, content: unknown): Message {
  const { id, name, tool_call_id, artifact, status, additional_kwargs, response_metadata } =
    message;
  const MessageClass = message.constructor as new (fields: object) => Message;
  return new MessageClass({
    content,
    id,
    name,
    tool_call_id,
    artifact,
    status,
    additional_kwargs,
    response_metadata,
  });
}

/** Returns what takes the place of a message that a gate denied, with nothing of that. */
export function deniedMessage({ id, constructor }: Message): Message {
  const MessageClass = constructor as new (fields: object) => Message;
  return new MessageClass({ content: DENIED_MESSAGE, id });
}

/** Returns the tokens of a response. */
export function usageOf({ usage_metadata: usage = {} }: Message): Usage {
  const { input_tokens = 0, output_tokens = 0, input_token_details, output_token_details } = usage;
  const { cache_read, cache_creation } = input_token_details ?? {};
  const { reasoning } = output_token_details ?? {};
  return {
    input_tokens,
    output_tokens,
    ...(cache_read !== undefined && { cache_read_tokens: cache_read }),
    ...(cache_creation !== undefined && { cache_write_tokens: cache_creation }),
    ...(reasoning !== undefined && { reasoning_tokens: reasoning }),
  };
}

/** A `Command` of LangGraph. It updates the state with an object, or with a list of names and values. */
type Command = {
  readonly lg_name: "Command";
  readonly update?: unknown;
  /** The nodes to run next: their names, or what to send to them. */
  readonly goto?: unknown;
  readonly resume?: unknown;
};

/** Returns whether a tool returned a command in place of a message. */
export function isCommand(result: object): result is Command {
  return "lg_name" in result && result.lg_name === "Command";
}

/** The part of a result that gates judge. */
export type View = {
  /** Text, or plain data. */
  readonly value: unknown;
  /** Why it isn't all that gates would have to judge; undefined if it is. */
  readonly problem?: string;
};

/**
 * Returns the part of a command that gates judge: the text of its messages or, if it changes more, all changes. If it
 * also sends something, they judge that, too. If something in it has no JSON form, only the text is left.
 */
export function viewOfCommand({ update, goto = [], resume }: Command): View {
  let text: string | undefined;
  try {
    const changes = (Array.isArray(update) ? update : Object.entries(update ?? {})) as unknown[];
    const texts = changes.flatMap((change) => {
      const [name, value] = Array.isArray(change) ? change : [];
      return name === "messages" ? [value].flat().map(textOf) : [undefined];
    });
    const isText = texts.every((text) => text !== undefined);
    text = texts.filter((text) => text !== undefined).join("\n");
    const sends = [goto].flat().some((to) => typeof to !== "string");
    if (sends || resume !== undefined) return { value: jsonOf({ update, goto, resume }) };
    return { value: isText ? text : jsonOf(update) };
  } catch (error) {
    return { value: text || undefined, problem: errorMessage(error) };
  }
}

/** Returns the text of a message; undefined if the message has anything else. */
function textOf(message: Partial<Message> | string | null): string | undefined {
  if (typeof message === "string") return message;
  const { content, name, tool_calls = [], invalid_tool_calls = [] } = message ?? {};
  const hasMore = name !== undefined || tool_calls.length + invalid_tool_calls.length > 0;
  const isText = typeof content === "string" ||
    Array.isArray(content) && content.every((part) => typeof part === "string" || isTextPart(part));
  return isText && !hasMore ? contentText(content) : undefined;
}

function isTextPart(part: object): boolean {
  return Object.keys(part).every((key) => key === "type" || key === "text");
}

function jsonOf(changes: unknown): unknown {
  const { value, issues: [issue] } = copyJson(shown(changes), "command");
  if (issue === undefined) return value;
  throw new TypeError(`${issue.path?.map(String).join(".")}: ${issue.message}`);
}

/**
 * Returns a copy of a value whose messages show all their fields, which their own JSON may not. An object that is
 * referenced often is copied once, so that the copy has the cycles of the value, which JSON rejects.
 */
function shown(value: unknown, copies = new Map<object, object>(), depth = 0): unknown {
  const isDeep = depth > MAX_DEPTH;
  if (typeof value !== "object" || value === null || isDeep) return value;
  const known = copies.get(value);
  if (known !== undefined) return known;
  if (Array.isArray(value)) {
    const list: unknown[] = [];
    copies.set(value, list);
    for (const part of value) list.push(shown(part, copies, depth + 1));
    return list;
  }
  const prototype = Object.getPrototypeOf(value);
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null;
  if (!isPlain && !isMessage(value) && !isSend(value)) return value;
  const fields: Record<string, unknown> = Object.create(null); // "__proto__" is a field like any other
  copies.set(value, fields);
  for (const [name, part] of Object.entries(value)) {
    if (isPlain || !OF_LANGCHAIN.test(name)) fields[name] = shown(part, copies, depth + 1);
  }
  return fields;
}

/** Deeper values have no JSON form. */
const MAX_DEPTH = 200;

/** Fields of messages that repeat others, and the one that is documented as not judged. */
const OF_LANGCHAIN = /^(lc_\w+|artifact)$/;

function isMessage(value: object): boolean {
  const { getType, _getType } = value as {
    readonly getType?: unknown;
    readonly _getType?: unknown;
  };
  return typeof (getType ?? _getType) === "function";
}

function isSend(value: object): boolean {
  return (value as { readonly lg_name?: unknown }).lg_name === "Send";
}
