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
  const { inputSchema } = tool as { readonly inputSchema?: Schema | (() => Schema) };
  const isLazy = typeof inputSchema === "function" && !("~standard" in inputSchema);
  const schema = isLazy ? inputSchema() : inputSchema as Schema | undefined;
  if (!await accepts(schema, given) || await accepts(schema, changed)) return;
  throw new TypeError(
    `Cannot call '${name}': the tool's schema rejects the changed input`,
  );
}

async function accepts(schema: Schema | undefined, value: unknown): Promise<boolean> {
  const checked = schema?.["~standard"] !== undefined
    ? await schema["~standard"].validate(value)
    : await schema?.validate?.(value);
  return checked === undefined || (checked.issues === undefined && checked.success !== false);
}
