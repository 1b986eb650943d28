/**
 * Code that is loaded with the first decision.
 * @module
 */
type ToolCallModule = Pick<typeof import("./tool_call.ts"), "callTool">;

let toolCall: Promise<ToolCallModule> | undefined;
let gatekeeper: Promise<typeof import("./gatekeeper.ts")> | undefined;

/**
 * Imports the code that calls tools, once: on Deno, code after an import may run in the async context of the
 * import instead of its own.
 */
export function importToolCall(): Promise<ToolCallModule> {
  return toolCall ??= import("./tool_call.ts");
}

/** Imports the code that decides, once. */
export function importGatekeeper(): Promise<typeof import("./gatekeeper.ts")> {
  return gatekeeper ??= import("./gatekeeper.ts");
}

/** Waits for code that is loaded when it is first needed. @throws {Error} when it isn't deployed */
export async function loaded<Module>(subject: string, module: Promise<Module>): Promise<Module> {
  try {
    return await module;
  } catch (cause) {
    throw new Error(
      `${subject}: the code of gates could not be loaded, so nothing is allowed. ` +
        "Deploy every file of the package or bundle",
      { cause },
    );
  }
}
