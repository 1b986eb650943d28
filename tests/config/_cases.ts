/**
 * The fixtures: configuration files with their results, in two readable tables.
 *
 *     === title [flags] NAME=value …
 *     the file
 *     ---
 *     the report, or the webhooks
 *
 * The flag `text` marks issues of the text that a parsed value doesn't have, `beyond` those that a JSON
 * Schema can't express, and `1.2` what YAML 1.1 reads differently. Variables follow.
 * `deno run -A tests/config/write_cases.ts` rewrites the results.
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
import type { WebhookGate, WebhookHook } from "@omniagent/hooks/webhook";

/** One file and its result. */
interface Case {
  readonly title: string;
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly text: string;
  readonly result: string;
}

/** Paths of the tables. */
export const tables = { invalid: "tests/config/invalid.txt", valid: "tests/config/valid.txt" };

/** Reads the cases of a table. */
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

/** Formats cases as a table. */
export function writeCases(cases: readonly Case[]): string {
  return cases.map(({ title, flags, env, text, result }) => {
    const variables = Object.entries(env).map(([name, value]) => ` ${name}=${value}`).join("");
    const marks = flags.join(" ") === "" ? "" : ` [${flags.join(" ")}]`;
    return `=== ${title}${marks}${variables}\n${text}\n---\n${result}\n`;
  }).join("\n");
}

/** Returns the report, or the description of the configuration. */
export function resultOf({ text, env }: Pick<Case, "text" | "env">): string {
  try {
    return describe(loadConfig(text, { env, file: "hooks.yaml" }));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.report();
  }
}

/** Describes a configuration and its webhooks. */
function describe(config: HooksConfig): string {
  const hooks = hooksFromConfig(config);
  const lines = config.webhooks.flatMap((webhook, i) => {
    const hook = hooks[i] as WebhookHook;
    const { name, events, timeout, concurrency, retry, ordering = "none" } = hook;
    const delays: number[] = [];
    for (let n = 1, delay; n < 30 && (delay = retry.delay(n, 0.5)) !== undefined; n++) {
      delays.push(delay);
    }
    const receives = `receives ${events.join(" ")}; timeout ${timeout}; concurrency ${concurrency}`;
    return [
      `webhook ${JSON.stringify(webhook)}`,
      `     -> ${name} ${receives}; ordering ${ordering}; retry ${delays.join(" ") || "never"}`,
    ];
  });
  for (const [i, gate] of config.gates.entries()) {
    const { name, events, kind, timeout } = hooks[config.webhooks.length + i] as WebhookGate;
    lines.push(
      `gate ${JSON.stringify(gate)}`,
      `     -> ${name} decides about ${events.join(" ")}; ${kind}; timeout ${timeout}`,
    );
  }
  const { gateOptions, storage, retention, server } = config;
  for (const [name, part] of Object.entries({ gateOptions, storage, retention, server })) {
    if (JSON.stringify(part) !== "{}" && JSON.stringify(part) !== '{"tokens":[]}') {
      lines.push(`${name} ${JSON.stringify(part)}`);
    }
  }
  return lines.join("\n") || "nothing";
}

/** Returns the issues that `run` throws, sorted and without their places. */
export function issuesOf(run: (options: ConfigOptions) => HooksConfig, env: Case["env"]): string[] {
  try {
    return [describe(run({ env }))];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.issues.map(({ code, at, message }) => `${code} ${at} ${message}`).sort();
  }
}
