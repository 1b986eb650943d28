/**
 * Messages of LangChain, by structure.
 * @module
 */
import type { Usage } from "../options.ts";

/** A message. */
export type Message = {
  readonly type?: string;
  readonly id?: string;
  name?: string;
  readonly content: unknown;
  readonly tool_calls?: readonly unknown[];
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
