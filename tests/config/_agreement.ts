/**
 * Compares the results of `loadConfig` for the fixtures with those of `parseConfig` for what another parser
 * returns.
 * @module
 */
import { parseConfig } from "@omniagent/hooks/config";
import { loadConfig } from "@omniagent/hooks/config/yaml";
import { issuesOf, readCases, tables } from "./_cases.ts";

/** The number of compared fixtures, those left out, and the differences. */
interface Agreement {
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
    const here = issuesOf((options) => loadConfig(text, options), env);
    const there = issuesOf((options) => parseConfig(parse(text), options), env);
    return JSON.stringify(here) === JSON.stringify(there)
      ? []
      : [`${title}:\n  here ${here.join("\n       ")}\n  there ${there.join("\n        ")}`];
  });
  const left = cases.filter(isLeft).map(({ title }) => title);
  return { compared: cases.length - left.length, left, differences };
}
