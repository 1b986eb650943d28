/**
 * What is loaded with the first decision.
 * @module
 */
type ToolCallModule = Pick<typeof import("./tool_call.ts"), "callTool">;

let toolCall: Promise<ToolCallModule> | undefined;
let gatekeeper: Promise<typeof import("./gatekeeper.ts")> | undefined;

/**
 * Imports what calls tools, once: on Deno, what runs after an import may get the async context of the import,
 * although it has another one.
 */
export function importToolCall(): Promise<ToolCallModule> {
  return toolCall ??= import("./tool_call.ts");
}

/** Imports what decides, once. */
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
