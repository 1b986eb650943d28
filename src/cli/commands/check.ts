import type { Command } from "commander";
import {
  ConfigError,
  type ConfigIssue,
  type HooksConfig,
  hooksFromConfig,
} from "../../config/mod.ts";
import { createOutbox } from "../../outbox/mod.ts";
import { memoryStore } from "../../testing/mod.ts";
import { WebhookHook } from "../../webhook/webhook_hook.ts";
import { CommandError } from "../errors.ts";
import { readEnv } from "../input.ts";
import type { CommandIO } from "../io.ts";
import { count, printable, styleOf } from "../output.ts";
import { DEFAULT_CONFIG, readConfigFile, toCommandError } from "../settings.ts";

type Options = { readonly envFile?: string; readonly json?: true; readonly strict?: true };

/** Defines `hooks check`: reports every issue of a configuration. */
export function define(command: Command, io: CommandIO): void {
  command
    .argument("[config]", "configuration file", DEFAULT_CONFIG)
    .option("--env-file <file>", "file with variables for ${NAME} in the configuration")
    .option("--strict", "treat warnings as errors")
    .option("--json", "print issues as JSON")
    .addHelpText(
      "after",
      `
Exits with 1 if the file has an error. A setting that is valid but has no
effect, such as a filter that never matches, is a warning.
With \`hooks schema\`, your editor finds most errors while you type.

Examples:
  hooks check
  hooks check deploy/hooks.yaml --env-file .env --json | jq '.issues[].message'
`,
    )
    .action((path: string, options: Options) => check(path, options, io));
}

async function check(path: string, options: Options, io: CommandIO): Promise<void> {
  const env = await readEnv(io, options.envFile);
  const warnings: ConfigIssue[] = [];
  let config: HooksConfig;
  try {
    ({ config } = (await readConfigFile(io, path, env, (one) => warnings.push(one)))!);
  } catch (error) {
    if (!options.json || !(error instanceof ConfigError)) throw toCommandError(error, io);
    throw printIssues(path, error.issues, io);
  }
  const message = findOutboxError(config);
  if (message !== undefined) {
    throw options.json
      ? printIssues(path, [{ code: "unfit", message }], io)
      : new CommandError(message);
  }
  const ok = !options.strict || warnings.length === 0;
  if (options.json) io.stdout.write(`${JSON.stringify({ ok, issues: [], warnings })}\n`);
  else printWarnings(path, warnings, io);
  if (!ok) throw new CommandError(`${path} has ${count(warnings.length, "warning")}`);
  if (!options.json) printConfig(path, config, io);
}

/** Prints issues as JSON and returns the error to throw. */
function printIssues(path: string, issues: readonly object[], io: CommandIO): CommandError {
  io.stdout.write(`${JSON.stringify({ ok: false, issues })}\n`);
  return new CommandError(`${path} has ${count(issues.length, "issue")}`);
}

/** Returns why webhooks don't fit the outbox, which `hooks serve` would report only at startup. */
function findOutboxError(config: HooksConfig): string | undefined {
  const { events: retention, eventLog, disableAfter } = config.retention;
  try {
    const outbox = createOutbox(memoryStore(), { retention, eventLog, disableAfter });
    for (const webhook of hooksFromConfig(config)) {
      if (webhook instanceof WebhookHook) outbox.register(webhook);
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    return error.message;
  }
}

function printWarnings(path: string, warnings: readonly ConfigIssue[], io: CommandIO): void {
  const { yellow } = styleOf(io, io.stderr);
  for (const { at, message, line, column, frame = "" } of warnings) {
    const place = `${path}:${line}:${column}`;
    const code = frame.split("\n").map((row) => `  ${row}\n`).join("");
    io.stderr.write(`${yellow("warning")} ${place}\n  ${at} ${message}\n\n${code}\n`);
  }
}

/** Prints what a configuration has. */
function printConfig(path: string, config: HooksConfig, io: CommandIO): void {
  const { webhooks, gates, gateOptions, server } = config;
  const { green, bold, dim } = styleOf(io, io.stdout);
  const counts = [count(webhooks.length, "webhook")];
  if (gates.length > 0) counts.push(count(gates.length, "gate"));
  io.stdout.write(`${green("ok")} ${path}: ${counts.join(", ")}\n`);
  for (const { name, events, url } of webhooks) {
    io.stdout.write(`  ${bold(name)}  ${events.join(", ")}  ${dim(new URL(url).origin)}\n`);
  }
  for (const gate of gates) {
    const { name, events, url } = gate;
    const origin = dim(new URL(url).origin);
    io.stdout.write(`  gate ${bold(name)}  ${events.join(", ")}  ${origin}  ${traitsOf(gate)}\n`);
  }
  const names = gates.filter(({ mode }) => mode !== "shadow").map(({ name }) => name);
  const required = gateOptions.required ?? [];
  const described = required.map((name) =>
    names.includes(name) ? name : `${name} (not a gate of this file that is enforced)`
  );
  if (required.length > 0) io.stdout.write(`  required gates: ${described.join(", ")}\n`);
  const tokens = server.tokens.map(({ name, scopes }) => `${name} (${scopes.join(", ")})`);
  if (tokens.length > 0) io.stdout.write(`  tokens: ${printable(tokens.join(", "))}\n`);
}

function traitsOf({ kind = "check", mode, onFailure }: HooksConfig["gates"][number]): string {
  const traits: string[] = [mode === "shadow" ? `${kind} in shadow mode` : kind];
  if (onFailure === "allow") traits.push("allows on failure");
  if (onFailure === "ask") traits.push("asks on failure");
  return traits.join(", ");
}
