/**
 * The JSON Schema of a configuration file. Run by itself it writes examples/hooks.schema.json, where a test
 * holds it to what `configJsonSchema` gives.
 * @module
 */
import { configJsonSchema } from "@omniagent/hooks/config";
import { checkArguments, root, run } from "./run.ts";

/** The schema that is checked in. */
export const schemaFile = `${root}/examples/hooks.schema.json`;

if (import.meta.main) {
  checkArguments("deno task schema", Deno.args.length === 0);
  await Deno.writeTextFile(schemaFile, `${JSON.stringify(configJsonSchema(), null, 2)}\n`);
  await run("deno", ["fmt", "--quiet", schemaFile]);
}
