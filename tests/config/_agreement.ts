/**
 * Compares what `loadConfig` says of the fixtures with what `parseConfig` says of what another parser
 * makes of them.
 * @module
 */
import { parseConfig } from "@omniagent/hooks/config";
import { loadConfig } from "@omniagent/hooks/config/yaml";
import { faultsOf, readCases, tables } from "./_cases.ts";

/** How many fixtures were compared, and where the two differ. */
export interface Agreement {
  readonly compared: number;
  readonly left: readonly string[];
  readonly differences: readonly string[];
}

/** `version` is the one of YAML that the parser reads. */
export async function compareWith(
  parse: (text: string) => unknown,
  version: "1.1" | "1.2",
): Promise<Agreement> {
  const cases = [...await readCases(tables.invalid), ...await readCases(tables.valid)];
  const isLeft = ({ flags }: { readonly flags: readonly string[] }) =>
    flags.includes("text") || (version === "1.1" && flags.includes("1.2"));
  const differences = cases.filter((one) => !isLeft(one)).flatMap(({ title, text, env }) => {
    const here = faultsOf((options) => loadConfig(text, options), env);
    const there = faultsOf((options) => parseConfig(parse(text), options), env);
    return JSON.stringify(here) === JSON.stringify(there)
      ? []
      : [`${title}:\n  here ${here.join("\n       ")}\n  there ${there.join("\n        ")}`];
  });
  const left = cases.filter(isLeft).map(({ title }) => title);
  return { compared: cases.length - left.length, left, differences };
}
