/**
 * The JSON Schema of a configuration file. As a program, it writes examples/hooks.schema.json. A test
 * compares that file with `configJsonSchema()`.
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
