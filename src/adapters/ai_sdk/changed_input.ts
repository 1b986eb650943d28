import type { AiSdkTool } from "./sdk.ts";

/** How a schema judges a value: as a Standard Schema, or as one that `jsonSchema` of the AI SDK returns. */
type Schema = {
  readonly "~standard"?: { validate(value: unknown): Checked | PromiseLike<Checked> };
  readonly validate?: (value: unknown) => Checked | PromiseLike<Checked>;
};
type Checked = { readonly issues?: unknown; readonly success?: boolean };

/**
 * Checks input that a gate or a person changed: the AI SDK has checked only what the model wrote. A schema that
 * doesn't accept its own output, because it transforms, can't tell.
 *
 * @throws {TypeError} when the tool's schema doesn't accept it
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
    `Cannot call '${name}': the schema of the tool rejects what gates made of its input`,
  );
}

async function accepts(schema: Schema | undefined, value: unknown): Promise<boolean> {
  const checked = schema?.["~standard"] !== undefined
    ? await schema["~standard"].validate(value)
    : await schema?.validate?.(value);
  return checked === undefined || (checked.issues === undefined && checked.success !== false);
}
