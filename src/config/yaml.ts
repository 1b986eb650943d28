/**
 * Configuration from YAML text: faults name line and column, and show the line. Read with js-yaml, which
 * knows where each value stands. To use another parser, such as `@std/yaml`, give what it returns to
 * `parseConfig` of `./config`; faults then name the path.
 *
 * ```ts
 * import { ConfigError } from "@omniagent/hooks/config";
 * import { loadConfig } from "@omniagent/hooks/config/yaml";
 *
 * try {
 *   loadConfig("storage: { pth: hooks.db }", { env: {}, file: "hooks.yaml" });
 * } catch (error) {
 *   if (!(error instanceof ConfigError)) throw error;
 *   console.log(error.report({ color: true })); // hooks.yaml:1:12 … storage.pth is unknown; did you mean path?
 * }
 * ```
 *
 * @module
 */
export * from "./load_config.ts";
export * from "./load_config_file.ts";
