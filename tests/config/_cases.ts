/**
 * The fixtures: files of a configuration, each with what comes of it, in two texts that people can read.
 *
 *     === what it is about [flags] NAME=value …
 *     the file
 *     ---
 *     the report, or the webhooks
 *
 * The flag `text` marks faults that only the text shows, not the value that a parser makes of it; `beyond`
 * those that a JSON Schema can't see; `1.2` what YAML 1.1 reads otherwise. Variables follow, if there are.
 * `deno run -A tests/config/write_cases.ts` writes the results anew.
 * @module
 */
import { readFile } from "node:fs/promises";
import {
  ConfigError,
  type ConfigOptions,
  type HooksConfig,
  hooksFromConfig,
} from "@omniagent/hooks/config";
import { loadConfig } from "@omniagent/hooks/config/yaml";

/** One file and what comes of it. */
export interface Case {
  readonly title: string;
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly text: string;
  readonly result: string;
}

/** Where the tables are, from the folder that tests run in. */
export const tables = { invalid: "tests/config/invalid.txt", valid: "tests/config/valid.txt" };

/** The cases of a table. */
export async function readCases(file: string): Promise<Case[]> {
  const text = await readFile(file, "utf8");
  return text.split(/^=== /m).slice(1).map((part) => {
    const [head = "", ...lines] = part.split("\n");
    const [, title = "", flags = "", env = ""] = /^(.*?)(?: \[(.*?)\])?((?: [A-Z_]+=\S*)*)$/.exec(
      head,
    )!;
    const split = lines.lastIndexOf("---");
    return {
      title,
      flags: flags.split(" "),
      env: Object.fromEntries(
        env.trim().split(" ").filter(Boolean).map((pair) => pair.split(/=(.*)/s)),
      ),
      text: lines.slice(0, split).join("\n"),
      result: lines.slice(split + 1).join("\n").trimEnd(),
    };
  });
}

/** What a table holds of some cases. */
export function writeCases(cases: readonly Case[]): string {
  return cases.map(({ title, flags, env, text, result }) => {
    const variables = Object.entries(env).map(([name, value]) => ` ${name}=${value}`).join("");
    const marks = flags.join(" ") === "" ? "" : ` [${flags.join(" ")}]`;
    return `=== ${title}${marks}${variables}\n${text}\n---\n${result}\n`;
  }).join("\n");
}

/** What comes of a text, for people. */
export function resultOf({ text, env }: Pick<Case, "text" | "env">): string {
  try {
    return describe(loadConfig(text, { env, file: "hooks.yaml" }));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.report();
  }
}

/** A configuration and the hooks that it makes, a line for each part. */
export function describe(config: HooksConfig): string {
  const hooks = hooksFromConfig(config);
  const lines = config.webhooks.flatMap((webhook, i) => {
    const { name, events, timeout, concurrency, retry, ordering = "none" } = hooks[i]!;
    const delays: number[] = [];
    for (let n = 1, delay; n < 30 && (delay = retry.delay(n, 0.5)) !== undefined; n++) {
      delays.push(delay);
    }
    const hears = `hears ${events.join(" ")}; timeout ${timeout}; concurrency ${concurrency}`;
    return [
      `webhook ${JSON.stringify(webhook)}`,
      `     -> ${name} ${hears}; ordering ${ordering}; retry ${delays.join(" ") || "never"}`,
    ];
  });
  const { storage, retention, server } = config;
  for (const [name, part] of Object.entries({ storage, retention, server })) {
    if (JSON.stringify(part) !== "{}" && JSON.stringify(part) !== '{"tokens":[]}') {
      lines.push(`${name} ${JSON.stringify(part)}`);
    }
  }
  return lines.join("\n") || "nothing";
}

/** The faults that `run` throws, without their places, in an order that does not depend on them. */
export function faultsOf(run: (options: ConfigOptions) => HooksConfig, env: Case["env"]): string[] {
  try {
    return [describe(run({ env }))];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.issues.map(({ code, at, message }) => `${code} ${at} ${message}`).sort();
  }
}
