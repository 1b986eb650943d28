/**
 * Configuration: checks a value that any parser has read, and creates webhooks from it. No parser and no
 * dependency; `loadConfig` of `./config/yaml` reads YAML.
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
export {
  ConfigError,
  type ConfigIssue,
  type ConfigIssueCode,
  type ReportOptions,
} from "./config_error.ts";
export { type ConfigHooksOptions, hooksFromConfig } from "./hooks_from_config.ts";
export { configJsonSchema } from "./json_schema.ts";
export { parseConfig } from "./parse_config.ts";
