import type { Command } from "commander";
import { ConfigError, type HooksConfig, hooksFromConfig } from "../../config/mod.ts";
import { createOutbox } from "../../outbox/mod.ts";
import { memoryStore } from "../../testing/mod.ts";
import { CommandError } from "../command_error.ts";
import { configFault, DEFAULT_CONFIG, readConfigFile } from "../config_file.ts";
import { withEnvFile } from "../env_file.ts";
import type { CommandIO } from "../io.ts";
import { count, printable, styleOf } from "../style.ts";

type Options = { readonly envFile?: string; readonly json?: true };

/** `hooks check`: every fault of a configuration. */
export function define(command: Command, io: CommandIO): void {
  command
    .argument("[config]", "the file", DEFAULT_CONFIG)
    .option("--env-file <file>", "variables for ${NAME} in it")
    .option("--json", "print every fault as JSON")
    .addHelpText(
      "after",
      `
It ends with 1 if there is a fault. With \`hooks schema\`, editors find some of
them while you type.

Examples:
  hooks check
  hooks check deploy/hooks.yaml --env-file .env --json | jq '.issues[].message'
`,
    )
    .action(async (path: string, options: Options) => {
      const env = await withEnvFile(io, options.envFile);
      try {
        const { config } = (await readConfigFile(io, path, env))!;
        checkFit(path, config, options, io);
        print(path, config, options, io);
      } catch (error) {
        if (!options.json || !(error instanceof ConfigError)) throw configFault(error, io);
        const { issues } = error;
        io.stdout.write(`${JSON.stringify({ ok: false, issues })}\n`);
        throw new CommandError(`${path} has ${count(issues.length, "fault")}`);
      }
    });
}

/** Refuses what `serve` would refuse only when it starts: webhooks that do not fit the outbox. */
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

function print(path: string, config: HooksConfig, { json }: Options, io: CommandIO): void {
  const { webhooks, server } = config;
  if (json) return io.stdout.write(`${JSON.stringify({ ok: true, issues: [] })}\n`);
  const { green, bold, dim } = styleOf(io, io.stdout);
  const tokens = server.tokens.map(({ name, scopes }) => `${name} (${scopes.join(", ")})`);
  const lines = webhooks.map(({ name, events, url }) =>
    `  ${bold(name)}  ${events.join(", ")}  ${dim(new URL(url).origin)}`
  );
  io.stdout.write(`${green("ok")} ${path}: ${count(webhooks.length, "webhook")}\n`);
  for (const line of lines) io.stdout.write(`${line}\n`);
  if (tokens.length > 0) io.stdout.write(`  tokens: ${printable(tokens.join(", "))}\n`);
}
