import { errorMessage } from "../../internal/issues.ts";
import { type ToolCall, toRecord } from "../tool_call.ts";
import type { Tool, ToolContext } from "./agent.ts";

/** Returns a tool like another, of the same class, that runs another function. */
export function withExecute(tool: Tool, execute: Tool["execute"]): Tool {
  const property = { value: execute, configurable: true, enumerable: true, writable: true };
  const properties = { ...Object.getOwnPropertyDescriptors(tool), execute: property };
  return Object.create(Object.getPrototypeOf(tool), properties);
}

/** Returns a call as gates judge it: its input, and the data with which a suspended tool resumes. */
export function withResumeData(call: ToolCall, resumeData: unknown): ToolCall {
  if (resumeData === undefined || resumeData === null) return call;
  return { ...call, params: { ...toRecord(call.params), resumeData } };
}

/** Splits judged data into the two parts that the tool takes. `given` is the original input. */
export function withoutResumeData(
  judged: unknown,
  given: unknown,
): { readonly input: unknown; readonly resumeData?: unknown } {
  const { resumeData, ...input } = toRecord(judged);
  return { input: toRecord(given) === given ? input : input.input, resumeData };
}

/** Returns a context that reports when the tool suspends its run, and may have other data to resume with. */
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
  // The same object, by which Mastra recognizes valid input.
  return Object.assign(context, { agent: { ...agent, ...watched } });
}

/** Mastra returns validation errors of a tool's input as its output. */
export function rejection(output: unknown): Error | undefined {
  const { error, message } = (output ?? {}) as {
    readonly error?: unknown;
    readonly message?: unknown;
  };
  const isInvalid = error === true && typeof message === "string" &&
    "validationErrors" in (output as object);
  return isInvalid ? new Error(errorMessage(new Error(message))) : undefined;
}
