import { errorMessage } from "../../internal/issues.ts";
import { type ToolCall, toRecord } from "../tool_call.ts";
import type { Tool, ToolContext } from "./agent.ts";

/** Returns a tool like another, of the same class, that runs another function. */
export function withExecute(tool: Tool, execute: Tool["execute"]): Tool {
  const property = { value: execute, configurable: true, enumerable: true, writable: true };
  const properties = { ...Object.getOwnPropertyDescriptors(tool), execute: property };
  return Object.create(Object.getPrototypeOf(tool), properties);
}

/** Returns a call as gates judge it: next to its input, what a suspended tool goes on with. */
export function withResumeData(call: ToolCall, resumeData: unknown): ToolCall {
  if (resumeData === undefined || resumeData === null) return call;
  return { ...call, params: { ...toRecord(call.params), resumeData } };
}

/** Returns what was judged in two parts, as the tool takes them. `given` is the input as it came. */
export function withoutResumeData(
  judged: unknown,
  given: unknown,
): { readonly input: unknown; readonly resumeData?: unknown } {
  const { resumeData, ...input } = toRecord(judged);
  return { input: toRecord(given) === given ? input : input.input, resumeData };
}

/** Returns a context that tells when the tool suspends its run, and may have other data to resume with. */
export function watching(
  context: ToolContext,
  onSuspend: () => void,
  resumed: { readonly resumeData?: unknown } = {},
): ToolContext {
  const { agent } = context;
  const { suspend } = agent ?? context;
  const watched = {
    ...resumed,
    ...(suspend && {
      suspend: (...args: unknown[]) => {
        onSuspend();
        return suspend(...args);
      },
    }),
  };
  if (agent === undefined) return { ...context, ...watched };
  // The same object: Mastra knows by it that the input is valid.
  return Object.assign(context, { agent: { ...agent, ...watched } });
}

/** Mastra returns what is wrong with a tool's input as its output. */
export function rejection(output: unknown): Error | undefined {
  const { error, message } = (output ?? {}) as {
    readonly error?: unknown;
    readonly message?: unknown;
  };
  const isInvalid = error === true && typeof message === "string" &&
    "validationErrors" in (output as object);
  return isInvalid ? new Error(errorMessage(new Error(message))) : undefined;
}
