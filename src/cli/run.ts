import { Command, CommanderError } from "commander";
import { maskUrls } from "../internal/mask_url.ts";
import { CommandError } from "./errors.ts";
import type { CommandIO } from "./io.ts";
import { styleOf } from "./output.ts";

/** The version of the package. */
export const VERSION = "0.1.0";

/** A subcommand as the overview shows it. */
type CommandEntry = {
  readonly summary: string;
  /** Loads its module, which happens only when it is called. */
  readonly load: () => Promise<{
    /** Adds arguments, options, examples and the action. */
    readonly define: (command: Command, io: CommandIO) => void;
  }>;
};

/** All subcommands, in the order in which users need them. */
const commands: Readonly<Record<string, CommandEntry>> = {
  serve: {
    summary: "accept events over HTTP and deliver them to webhooks",
    load: () => import("./commands/serve.ts"),
  },
  check: {
    summary: "check a configuration file",
    load: () => import("./commands/check.ts"),
  },
  send: {
    summary: "send an event, or many from stdin",
    load: () => import("./commands/send.ts"),
  },
  tail: {
    summary: "follow events as they arrive",
    load: () => import("./commands/tail.ts"),
  },
  deliveries: {
    summary: "list deliveries, or show one with its attempts",
    load: () => import("./commands/deliveries.ts"),
  },
  replay: {
    summary: "deliver dead or delivered events again",
    load: () => import("./commands/replay.ts"),
  },
  targets: {
    summary: "list, enable, and disable targets",
    load: () => import("./commands/targets.ts"),
  },
  webhooks: {
    summary: "create, change, and test webhooks in the store",
    load: () => import("./commands/webhooks.ts"),
  },
  decisions: {
    summary: "list gate decisions",
    load: () => import("./commands/decisions.ts"),
  },
  asks: {
    summary: "list, approve, and deny approval requests",
    load: () => import("./commands/asks.ts"),
  },
  store: {
    summary: "copy one store to another",
    load: () => import("./commands/store.ts"),
  },
  listen: {
    summary: "receive webhooks locally: verify and print them",
    load: () => import("./commands/listen.ts"),
  },
  gate: {
    summary: "call your gates from the hook of a coding agent",
    load: () => import("./commands/gate.ts"),
  },
  secret: {
    summary: "generate a webhook secret",
    load: () => import("./commands/secret.ts"),
  },
  schema: {
    summary: "print the JSON Schema of the configuration file",
    load: () => import("./commands/schema.ts"),
  },
};

/** The width of help in characters: every terminal has it. */
const HELP_WIDTH = 80;

const examples = `
Run \`hooks COMMAND --help\` for the options of a command. Select the server with
--url and --token, or with HOOKS_URL and HOOKS_TOKEN.
Exit codes: 0 success, 1 failure, 2 invalid arguments.

Examples, each in its own terminal:
  hooks listen --port 9000       receive webhooks and print them
  hooks serve                    deliver events to the webhooks of hooks.yaml
  hooks send tool.called '{"name":"bash"}' --session s-1
  hooks tail --type 'tool.*'
`;

/**
 * Runs the command and resolves to its exit code: 0 for success, 1 for failure, 2 for invalid arguments. Uses
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
    // For an unknown command, commander's `help` would print the overview instead of an error.
    const isUnknown = args[1] !== undefined && args[1] !== "help" &&
      !Object.hasOwn(commands, args[1]);
    const words = args[0] === "help" && isUnknown ? args.slice(1) : args;
    const program = await createProgram(words, io);
    await program.parseAsync([...words], { from: "user" });
    return 0;
  } catch (error) {
    return reportError(error, args, io);
  }
}

/** Creates the program with all commands in its overview, of which only the called one is loaded. */
async function createProgram(args: readonly string[], io: CommandIO): Promise<Command> {
  const program = new Command("hooks")
    .description("Event hooks for AI agents: serve, send, inspect, and replay events.")
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "show help")
    .helpCommand("help [command]", "show help for a command")
    .enablePositionalOptions() // options after the name of a command are its own
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
    .showHelpAfterError("(run with --help for usage)")
    .addHelpText("after", examples);
  const words = args.filter((word) => !word.startsWith("-"));
  const called = words[0] === "help" ? words[1] : words[0];
  for (const [name, { summary, load }] of Object.entries(commands)) {
    const description = `${summary[0]!.toUpperCase()}${summary.slice(1)}.`;
    const command = program.command(name).summary(summary).description(description);
    command.helpCommand(false);
    if (name === called) (await load()).define(command, io);
  }
  return program;
}

/** Prints an error and returns the exit code. */
function reportError(error: unknown, args: readonly string[], io: CommandIO): number {
  if (error instanceof CommanderError) { // already printed by commander
    const isHelp = ["commander.helpDisplayed", "commander.version"].includes(error.code) ||
      (error.code === "commander.help" && args[0] === "help");
    return isHelp ? 0 : 2;
  }
  const isExpected = error instanceof CommandError;
  const message = maskUrls(isExpected ? error.message : `Unexpected: ${stackOf(error)}`);
  const details = isExpected ? error.details.map((detail) => maskUrls(detail)) : [];
  if (args.includes("--json")) {
    io.stderr.write(`${JSON.stringify({ error: message, details })}\n`);
  } else {
    const { red } = styleOf(io, io.stderr);
    io.stderr.write(`${red("error:")} ${message}\n`);
    for (const detail of details) io.stderr.write(`  ${detail}\n`);
  }
  return isExpected ? error.exitCode : 1;
}

function stackOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
