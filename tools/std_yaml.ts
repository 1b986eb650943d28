/**
 * Replaces `@std/yaml` where JSR can't be reached, with the part of its declaration that
 * `examples/config_std_yaml.ts` uses. deno.json maps it for that file only. CI uses the real one.
 * @module
 */
import { CORE_SCHEMA, load, YAML11_SCHEMA } from "js-yaml";

/** Options of `parse` that are used. */
export interface ParseOptions {
  /** @default {"default"} */
  schema?: "failsafe" | "json" | "core" | "default" | "extended";
}

/** Returns the value of a YAML document. */
export function parse(content: string, options: ParseOptions = {}): unknown {
  return load(content, { schema: options.schema === "core" ? CORE_SCHEMA : YAML11_SCHEMA });
}
