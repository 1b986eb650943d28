import { errorMessage } from "../../internal/issues.ts";
import { type AllowedCall, denialText } from "../tool_call.ts";
import {
  dataOf,
  errorTextOf,
  type StrandsSdk,
  type ToolOutput,
  type ToolResult,
  valueOf,
} from "./sdk.ts";

/** Returns the tool's own result, or what gates changed it to, with the texts that they add for the model. */
export async function judgedOutput(
  sdk: StrandsSdk,
  { call, output, contexts }: {
    readonly call: AllowedCall;
    readonly output: ToolOutput;
    readonly contexts: Iterable<string>;
  },
): Promise<ToolOutput> {
  const { toolUseId, status, content, error } = output.result;
  if (status === "error") {
    const text = errorTextOf(content);
    // The SDK writes "Error: " before a message.
    const isThrown = text === error?.message || text === `Error: ${error?.message}`;
    const thrown = isThrown ? error! : new Error(text);
    const outcome = await call.fail(thrown);
    if (outcome.type === "denied") return failed(sdk, toolUseId, denialText(outcome.denial));
    const isSame = outcome.type === "error" && outcome.error === thrown;
    if (isSame && errorTextOf(content) === text) return output;
    const changed = outcome.type === "error" ? outcome.error : text;
    return failed(sdk, toolUseId, errorMessage(changed));
  }
  const value = valueOf(content);
  const outcome = await call.complete(value);
  if (outcome.type === "denied") return failed(sdk, toolUseId, denialText(outcome.denial));
  if (outcome.type === "error") return failed(sdk, toolUseId, errorMessage(outcome.error));
  // The tool may have changed its result in the meantime.
  const isSame = JSON.stringify(outcome.value) === JSON.stringify(valueOf(content));
  const { TextBlock, toolResultContentFromData, ToolResultBlock } = sdk;
  const added = [...contexts].map((context) => new TextBlock(context));
  if (isSame && added.length === 0) return output;
  const blocks = isSame
    ? [...content]
    : dataOf(outcome.value, content).map((data) => toolResultContentFromData(data as never));
  const given = { toolUseId, status: "success", content: [...blocks, ...added] };
  const result = new ToolResultBlock(given);
  return { result: result as ToolResult };
}

/** Returns the result of a call that failed, or was denied. */
export function failed(sdk: StrandsSdk, toolUseId: string, reason: string): ToolOutput {
  const { TextBlock, ToolResultBlock } = sdk;
  const content = [new TextBlock(reason)];
  return { result: new ToolResultBlock({ toolUseId, status: "error", content }) as ToolResult };
}
