import { schema } from "./_schema.ts";

/**
 * The JSON Schema (draft-07, which editors know) of a configuration file, as a new value: the description
 * that `parseConfig` itself works by. It judges a file before variables are put in. What it can't say,
 * `parseConfig` alone does: limits of durations, names that must be unique, variables that are not set.
 *
 * ```ts
 * import { configJsonSchema } from "@omniagent/hooks/config";
 *
 * console.log(JSON.stringify(configJsonSchema(), null, 2));
 * ```
 */
export function configJsonSchema(): Record<string, unknown> {
  return structuredClone({
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Configuration of @omniagent/hooks",
    ...schema.schema,
  });
}
