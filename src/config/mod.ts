/**
 * Configuration: a value that some parser has read becomes checked data, and the data becomes webhooks. No
 * parser and no dependency; `loadConfig` of `./config/yaml` reads YAML.
 *
 * ```ts
 * import { ConfigError, parseConfig } from "@omniagent/hooks/config";
 *
 * try {
 *   parseConfig({ hooks: { webhooks: [{ name: "audit", events: ["tool.*"], timeout: 5 }] } }, { env: {} });
 * } catch (error) {
 *   if (!(error instanceof ConfigError)) throw error;
 *   console.log(error.issues.map(({ at }) => at)); // hooks.webhooks[0].url, hooks.webhooks[0].timeout
 * }
 * ```
 *
 * @module
 */
export type * from "./config.ts";
export * from "./config_error.ts";
export * from "./hooks_from_config.ts";
export * from "./json_schema.ts";
export * from "./parse_config.ts";
