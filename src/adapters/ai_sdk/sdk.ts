/**
 * The parts of `ai` that the adapter uses, by structure.
 * @module
 */

/** A tool of the AI SDK. */
export type AiSdkTool = {
  /** Runs the tool; absent if the client or the provider does. */
  // deno-lint-ignore no-explicit-any -- input and output differ from tool to tool
  readonly execute?: ((input: any, options: any) => any) | undefined;
  /** Converts an output to the model's form. */
  // deno-lint-ignore no-explicit-any -- as above, and from version to version
  readonly toModelOutput?: ((output: any) => any) | undefined;
};

/** How a tool calls other tools. */
export type ToolCaller = {
  /**
   * Returns the function that runs in place of the tool, such as one that runs code; absent if the provider
   * calls the tools.
   */
  readonly bind?: ((tools: object) => AiSdkTool) | undefined;
};

/** The property in which `experimental_toolCaller` stores the caller. It isn't enumerable. */
const CALLER = "experimental_toolCaller";

/** Returns how a tool calls other tools, if it does. */
export function callerOf(tool: AiSdkTool): ToolCaller | undefined {
  return (tool as { readonly [CALLER]?: ToolCaller })[CALLER];
}

/** Returns a copy of a tool with another caller. */
export function withCaller(tool: AiSdkTool, value: ToolCaller): AiSdkTool {
  return Object.defineProperty(withChanges(tool, {}), CALLER, { value, enumerable: false });
}

/**
 * Returns a copy of a tool, with changes. If the tool is an instance of a class, its methods stay bound to that
 * instance. One of them is `needsApproval`, without which the AI SDK would ask nobody.
 */
export function withChanges(tool: AiSdkTool, changes: object): AiSdkTool {
  const copy = Object.create(Object.getPrototypeOf(tool));
  for (
    let at: object = tool;
    at !== null && at !== Object.prototype;
    at = Object.getPrototypeOf(at)
  ) {
    for (const name of Reflect.ownKeys(at)) {
      if (name === "constructor" || Object.hasOwn(copy, name)) continue;
      const { get, value, enumerable } = Object.getOwnPropertyDescriptor(at, name)!;
      const isMethod = at !== tool && typeof value === "function";
      const content = get
        ? { get: () => Reflect.get(tool, name) }
        : { value: isMethod ? value.bind(tool) : value, writable: true };
      // Copies keep the members of its class.
      const property = { enumerable: enumerable || at !== tool, configurable: true, ...content };
      Object.defineProperty(copy, name, property);
    }
  }
  for (const [name, value] of Object.entries(changes)) {
    Object.defineProperty(copy, name, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return copy;
}
