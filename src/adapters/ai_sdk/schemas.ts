import { toText } from "../tool_call.ts";
import type { AiSdkTool } from "./sdk.ts";

/** A Standard Schema, or a schema that `jsonSchema` of the AI SDK returns. */
type Schema = {
  readonly "~standard"?: { validate(value: unknown): Checked | PromiseLike<Checked> };
  readonly validate?: (value: unknown) => Checked | PromiseLike<Checked>;
};
type Checked = { readonly issues?: unknown; readonly success?: boolean };

/**
 * Checks input that a gate or a person changed, because the AI SDK has checked only what the model wrote. A schema
 * that rejects its own output, because it transforms values, is skipped.
 *
 * @throws {TypeError} when the tool's schema rejects the changed input
 */
export async function checkChanged(
  name: string,
  tool: AiSdkTool,
  { given, changed }: { readonly given: unknown; readonly changed: unknown },
): Promise<void> {
  if (changed === given || JSON.stringify(changed) === JSON.stringify(given)) return;
  const schema = schemaOf(tool, "inputSchema");
  // A schema may write defaults into what it checks, and no gate has judged those.
  if (!await accepts(schema, given) || await accepts(schema, structuredClone(changed))) return;
  throw new TypeError(
    `Cannot call '${name}': the tool's schema rejects the changed input`,
  );
}

/**
 * Returns an output that gates made. If the tool's schema rejects it, it is thrown as an error: with the output,
 * the AI SDK would reject all later turns of a chat.
 *
 * @param reason The message of that error
 */
export async function checkedOutput(
  tool: AiSdkTool,
  output: unknown,
  reason = toText(output),
): Promise<unknown> {
  if (await fits(tool, output)) return output;
  throw new Error(reason);
}

/** Returns a tool's output as gates changed it, if they did, without their context if that doesn't fit the schema. */
export async function changedOutput(
  tool: AiSdkTool,
  output: unknown,
  { given, context }: { readonly given: unknown; readonly context: string | undefined },
): Promise<unknown> {
  if (typeof output === typeof given && toText(output) === toText(given)) return output;
  const added = `\n\n${context}`;
  if (context !== undefined && typeof output === "string" && output.endsWith(added)) {
    const own = output.slice(0, -added.length);
    return await fits(tool, output) ? output : await checkedOutput(tool, own);
  }
  return await checkedOutput(tool, output);
}

async function fits(tool: AiSdkTool, output: unknown): Promise<boolean> {
  return await accepts(schemaOf(tool, "outputSchema"), structuredClone(output));
}

function schemaOf(tool: AiSdkTool, name: "inputSchema" | "outputSchema"): Schema | undefined {
  const { [name]: schema } = tool as { readonly [name]?: Schema | (() => Schema) };
  const isLazy = typeof schema === "function" && !("~standard" in schema);
  return isLazy ? schema() : schema as Schema | undefined;
}

async function accepts(schema: Schema | undefined, value: unknown): Promise<boolean> {
  const checked = schema?.["~standard"] !== undefined
    ? await schema["~standard"].validate(value)
    : await schema?.validate?.(value);
  return checked === undefined || (checked.issues === undefined && checked.success !== false);
}
