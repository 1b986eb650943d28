import { Command, CommanderError } from "commander";
import { maskUrls } from "../internal/mask_url.ts";
import { CommandError } from "./command_error.ts";
import { commands } from "./commands.ts";
import type { CommandIO } from "./io.ts";
import { styleOf } from "./style.ts";
import { VERSION } from "./version.ts";

/** What every terminal has. */
const HELP_WIDTH = 80;

const examples = `
Each command has a --help of its own. Where the hooks are served, and the token
that they want, come from --url and --token, or HOOKS_URL and HOOKS_TOKEN.
Exit codes: 0 done, 1 failed, 2 used wrongly.

Examples, each in a terminal of its own:
  hooks listen --port 9000       a receiver that prints what comes
  hooks serve                    takes events for the webhooks of hooks.yaml
  hooks send tool.called '{"name":"bash"}' --session s-1
  hooks tail --type 'tool.*'
`;

/**
 * Runs the command and resolves to its exit code: 0 done, 1 failed, 2 used wrongly. It touches
 * nothing but `io`, and never throws.
 *
 * ```ts
 * import { processIO, run } from "@omniagent/hooks/cli";
 *
 * const code = await run(["secret"], processIO()); // prints a whsec_ secret
 * console.log(code); // 0
 * ```
 */
export async function run(args: readonly string[], io: CommandIO): Promise<number> {
  try {
    const words = args[0] === "help" && isUnknown(args[1]) ? args.slice(1) : args;
    const program = await createProgram(words, io);
    await program.parseAsync([...words], { from: "user" });
    return 0;
  } catch (error) {
    return report(error, args, io);
  }
}

/** The program with all commands in its overview, but only the one that is called loaded. */
async function createProgram(args: readonly string[], io: CommandIO): Promise<Command> {
  const program = new Command("hooks")
    .description("Event hooks for AI agents: serve them, try them out, see what became of them.")
    .version(VERSION)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      getOutHelpWidth: () => Math.min(io.stdout.columns ?? HELP_WIDTH, HELP_WIDTH),
      getErrHelpWidth: () => Math.min(io.stderr.columns ?? HELP_WIDTH, HELP_WIDTH),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      outputError: (text, write) => write(styleOf(io, io.stderr).red(maskUrls(text))),
    })
    .showHelpAfterError("(--help shows what there is)")
    .addHelpText("after", examples);
  const words = args.filter((word) => !word.startsWith("-"));
  const called = words[0] === "help" ? words[1] : words[0];
  for (const [name, { summary, load }] of Object.entries(commands)) {
    const command = program.command(name).summary(summary).description(capital(summary));
    command.helpCommand(false);
    if (name === called) (await load()).define(command, io);
  }
  return program;
}

/** Whether help is asked for a command that there is not: commander would show the overview. */
function isUnknown(command: string | undefined): boolean {
  return command !== undefined && command !== "help" && !Object.hasOwn(commands, command);
}

function capital(summary: string): string {
  return `${summary[0]!.toUpperCase()}${summary.slice(1)}.`;
}

function report(error: unknown, args: readonly string[], io: CommandIO): number {
  if (error instanceof CommanderError) {
    // What it had to say was written by commander already.
    const asked = ["commander.helpDisplayed", "commander.version"].includes(error.code);
    return asked || (error.code === "commander.help" && args[0] === "help") ? 0 : 2;
  }
  const expected = error instanceof CommandError;
  const message = maskUrls(expected ? error.message : `Unexpected: ${stackOf(error)}`);
  const details = expected ? error.details.map((detail) => maskUrls(detail)) : [];
  const exitCode = expected ? error.exitCode : 1;
  if (args.includes("--json")) {
    io.stderr.write(`${JSON.stringify({ error: message, details })}\n`);
    return exitCode;
  }
  const { red } = styleOf(io, io.stderr);
  io.stderr.write(`${red("error:")} ${message}\n`);
  for (const detail of details) io.stderr.write(`  ${detail}\n`);
  return exitCode;
}

function stackOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
