import { checkConfig, checkOptions } from "./_check_config.ts";
import { limitFaults, type Path } from "./_reader.ts";
import { toIssue } from "./_report.ts";
import type { ConfigOptions, HooksConfig } from "./config.ts";
import { ConfigError } from "./config_error.ts";

/**
 * Checks a configuration that some parser has read, of YAML, JSON or anything else, and puts variables
 * in. `loadConfig` of `./config/yaml` does the same for text, and then knows the lines of the faults.
 *
 * ```ts
 * import { createHooks } from "@omniagent/hooks";
 * import { hooksFromConfig, parseConfig } from "@omniagent/hooks/config";
 *
 * const config = parseConfig({
 *   hooks: {
 *     webhooks: [{ name: "audit", events: ["tool.*"], url: "https://${HOST}/events", timeout: "5s" }],
 *   },
 * }, { env: { HOST: "audit.example.com" } });
 * console.log(config.webhooks[0]?.timeout); // 5000
 * const hooks = createHooks({ use: hooksFromConfig(config) });
 * await hooks.close();
 * ```
 *
 * @throws {ConfigError} with every fault, in the order of the value's keys
 * @throws {TypeError} when the options are ill-formed
 */
export function parseConfig(value: unknown, options: ConfigOptions): HooksConfig {
  checkOptions("Cannot parse a configuration", options);
  const { config, faults, warnings } = checkConfig(value, options.env);
  for (const warning of warnings) options.onWarning?.(toIssue(warning));
  if (faults.length === 0) return config;
  const keys = keysOnce();
  const ordered = [...faults].sort((a, b) => compare(a.path, b.path, value, keys));
  throw new ConfigError(limitFaults(ordered).map(toIssue), options.file);
}

/** The order of two paths in a value: as its keys stand; a missing one comes first. */
function compare(a: Path, b: Path, value: unknown, keys: KeysOf): number {
  let at = value;
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [one, other] = [a[i]!, b[i]!];
    if (one === other) {
      at = typeof at === "object" && at !== null && Object.hasOwn(at, one)
        ? (at as Readonly<Record<string | number, unknown>>)[one]
        : undefined;
    } else if (typeof one === "number" && typeof other === "number") return one - other;
    else {
      const order = typeof at === "object" && at !== null ? keys(at) : new Map<string, number>();
      return (order.get(String(one)) ?? -1) - (order.get(String(other)) ?? -1);
    }
  }
  return a.length - b.length;
}

type KeysOf = (value: object) => ReadonlyMap<string, number>;

/** The places of the keys of a mapping, which are looked up once: there may be very many. */
function keysOnce(): KeysOf {
  const known = new Map<object, ReadonlyMap<string, number>>();
  return (value) => {
    const keys = known.get(value) ?? new Map(Object.keys(value).map((key, i) => [key, i]));
    known.set(value, keys);
    return keys;
  };
}
