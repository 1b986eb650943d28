import { inspect } from "../internal/validate.ts";
import { checkConfig, checkOptions } from "./_check_config.ts";
import { decode } from "./_decode.ts";
import { maskOf } from "./_frame.ts";
import { placedError } from "./_placed_error.ts";
import type { Fault } from "./_reader.ts";
import { pathText, toIssue } from "./_report.ts";
import { readYaml } from "./_read_yaml.ts";
import { Source } from "./_source.ts";
import { follow, type Node, type Place } from "./_yaml_tree.ts";
import type { ConfigOptions, HooksConfig } from "./config.ts";
import { ConfigError } from "./config_error.ts";

/**
 * Reads a configuration from YAML 1.2 (of which JSON is a part), and puts variables in.
 *
 * Text of more than 128 KiB is refused, and so are tags, merge keys, several documents, more than 20 aliases
 * and more than 50 levels. Bytes have to be UTF-8.
 *
 * ```ts
 * import { createHooks } from "@omniagent/hooks";
 * import { hooksFromConfig } from "@omniagent/hooks/config";
 * import { loadConfig } from "@omniagent/hooks/config/yaml";
 *
 * const text = `
 * hooks:
 *   webhooks:
 *     - name: audit
 *       events: [tool.*, message.sent]
 *       url: https://\${HOST}/events
 *       timeout: 5s
 * `;
 * const config = loadConfig(text, { env: { HOST: "audit.example.com" }, file: "hooks.yaml" });
 * const hooks = createHooks({ use: hooksFromConfig(config) });
 * await hooks.close();
 * ```
 *
 * @throws {ConfigError} with the first fault of the syntax, or with every other fault in the order of the text
 * @throws {TypeError} when an argument is ill-formed
 */
export function loadConfig(text: string | Uint8Array, options: ConfigOptions): HooksConfig {
  const subject = "Cannot load a configuration";
  if (typeof text !== "string" && !(text instanceof Uint8Array)) {
    throw new TypeError(
      `${subject} as its text must be a string or bytes: current value is ${inspect(text)}`,
    );
  }
  checkOptions(subject, options);
  const decoded = decode(text);
  if (typeof decoded !== "string") throw new ConfigError([toIssue(decoded)], options.file);
  const source = new Source(decoded);
  const { value, tree } = readYaml(source, options.file);
  const { config, faults, shown, warnings } = checkConfig(value, options.env);
  const at = (fault: Fault) => ({ ...fault, place: placeOf(tree.root, fault) });
  if (faults.length === 0 && tree.faults.length === 0) {
    if (warnings.length === 0 || !options.onWarning) return config;
    const mask = maskOf(source.text, tree, shown);
    const { issues } = placedError(source, mask, warnings.map(at), options.file);
    issues.forEach((issue) => options.onWarning!(issue));
    return config;
  }
  const placed = faults.map(at);
  // Where nothing was read there is a fault above, and keys may be anything.
  const read = new Set(
    shown.filter(({ what }) => what === "keys").map(({ path }) => pathText(path)),
  );
  const twice = tree.faults.filter(({ path }) => read.has(pathText(path.slice(0, -1))));
  const mask = maskOf(source.text, tree, shown);
  throw placedError(source, mask, [...twice, ...placed], options.file);
}

function placeOf(root: Node | undefined, { path, on }: Fault): Place {
  if (root === undefined) return { start: 0, end: 0 };
  const { entry, nearest } = follow(root, path);
  if (entry === undefined) return nearest;
  return on === "key" && entry.key ? entry.key : entry.site;
}
