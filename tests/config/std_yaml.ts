/**
 * Stands in for `@std/yaml` where JSR can't be reached, with the part of its declaration that
 * `examples/config_std_yaml.ts` uses; deno.json puts it there, for that file alone. CI uses the real one.
 * @module
 */
import { parse as parseYaml } from "yaml";

/** Options of `parse` that are used. */
export interface ParseOptions {
  /** @default {"default"} */
  schema?: "failsafe" | "json" | "core" | "default" | "extended";
}

/** The value of a YAML document. */
export function parse(content: string, options: ParseOptions = {}): unknown {
  return parseYaml(content, { schema: options.schema === "core" ? "core" : "yaml-1.1" });
}
