/**
 * What the adapter knows of `ai`, by structure.
 * @module
 */

/** A tool of the AI SDK. */
export type AiSdkTool = {
  /** Runs the tool; absent if the client or the provider does. */
  // deno-lint-ignore no-explicit-any -- input and output differ from tool to tool
  readonly execute?: ((input: any, options: any) => any) | undefined;
  /** Makes the model's form of an output. */
  // deno-lint-ignore no-explicit-any -- as above, and from version to version
  readonly toModelOutput?: ((output: any) => any) | undefined;
};

/** How a tool calls other tools. */
export type ToolCaller = {
  /** Returns what runs in place of the tool, such as one that runs code; absent if the provider calls the tools. */
  readonly bind?: ((tools: object) => AiSdkTool) | undefined;
};

/** Where `experimental_toolCaller` puts it, not enumerable. */
const CALLER = "experimental_toolCaller";

/** Returns how a tool calls other tools, if it does. */
export function callerOf(tool: AiSdkTool): ToolCaller | undefined {
  return (tool as { readonly [CALLER]?: ToolCaller })[CALLER];
}

/** Returns a tool like another that calls other tools in this way. */
export function withCaller(tool: AiSdkTool, value: ToolCaller): AiSdkTool {
  return Object.defineProperty({ ...tool }, CALLER, { value });
}
