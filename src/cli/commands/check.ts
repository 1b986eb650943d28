import type { Command } from "commander";
import {
  ConfigError,
  type ConfigIssue,
  type HooksConfig,
  hooksFromConfig,
} from "../../config/mod.ts";
import { createOutbox } from "../../outbox/mod.ts";
import { memoryStore } from "../../testing/mod.ts";
import { CommandError } from "../command_error.ts";
import { configFault, DEFAULT_CONFIG, readConfigFile } from "../config_file.ts";
import { withEnvFile } from "../env_file.ts";
import type { CommandIO } from "../io.ts";
import { count, printable, styleOf } from "../style.ts";

type Options = { readonly envFile?: string; readonly json?: true; readonly strict?: true };

/** `hooks check`: reports every error of a configuration. */
export function define(command: Command, io: CommandIO): void {
  command
    .argument("[config]", "the file", DEFAULT_CONFIG)
    .option("--env-file <file>", "variables for ${NAME} in it")
    .option("--strict", "fail on warnings too")
    .option("--json", "print every fault as JSON")
    .addHelpText(
      "after",
      `
Exits with 1 if the file has an error. A setting that is valid but has no
effect, such as a filter that never matches, is a warning; --strict fails on
these too.
With \`hooks schema\`, your editor finds most errors while you type.

Examples:
  hooks check
  hooks check deploy/hooks.yaml --env-file .env --json | jq '.issues[].message'
`,
    )
    .action(async (path: string, options: Options) => {
      const env = await withEnvFile(io, options.envFile);
      try {
        const warnings: ConfigIssue[] = [];
        const { config } = (await readConfigFile(io, path, env, (one) => warnings.push(one)))!;
        checkFit(path, config, options, io);
        print(path, config, warnings, options, io);
      } catch (error) {
        if (!options.json || !(error instanceof ConfigError)) throw configFault(error, io);
        const { issues } = error;
        io.stdout.write(`${JSON.stringify({ ok: false, issues })}\n`);
        throw new CommandError(`${path} has ${count(issues.length, "fault")}`);
      }
    });
}

/** Rejects webhooks that do not fit the outbox, which `serve` would reject only at startup. */
function checkFit(path: string, config: HooksConfig, { json }: Options, io: CommandIO): void {
  const { events: retention, eventLog, disableAfter } = config.retention;
  try {
    const outbox = createOutbox(memoryStore(), { retention, eventLog, disableAfter });
    for (const webhook of hooksFromConfig(config)) outbox.register(webhook);
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    const { message } = error;
    if (!json) throw new CommandError(message);
    io.stdout.write(`${JSON.stringify({ ok: false, issues: [{ code: "unfit", message }] })}\n`);
    throw new CommandError(`${path} has 1 fault`);
  }
}

function print(
  path: string,
  config: HooksConfig,
  warnings: readonly ConfigIssue[],
  { json, strict }: Options,
  io: CommandIO,
): void {
  const { webhooks, server } = config;
  const ok = !strict || warnings.length === 0;
  const failure = new CommandError(`${path} has ${count(warnings.length, "warning")}`);
  if (json) {
    io.stdout.write(`${JSON.stringify({ ok, issues: [], warnings })}\n`);
    if (!ok) throw failure;
    return;
  }
  const { yellow } = styleOf(io, io.stderr);
  for (const { at, message, line, column, frame = "" } of warnings) {
    const rows = frame.split("\n").map((row) => `  ${row}\n`).join("");
    io.stderr.write(
      `${yellow("warning")} ${path}:${line}:${column}\n  ${at} ${message}\n\n${rows}\n`,
    );
  }
  if (!ok) throw failure;
  const { green, bold, dim } = styleOf(io, io.stdout);
  const tokens = server.tokens.map(({ name, scopes }) => `${name} (${scopes.join(", ")})`);
  const lines = webhooks.map(({ name, events, url }) =>
    `  ${bold(name)}  ${events.join(", ")}  ${dim(new URL(url).origin)}`
  );
  io.stdout.write(`${green("ok")} ${path}: ${count(webhooks.length, "webhook")}\n`);
  for (const line of lines) io.stdout.write(`${line}\n`);
  if (tokens.length > 0) io.stdout.write(`  tokens: ${printable(tokens.join(", "))}\n`);
}
