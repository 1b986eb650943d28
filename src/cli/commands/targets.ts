import { Argument, type Command } from "commander";
import {
  addServerOptions,
  type Client,
  createClient,
  pathOf,
  type ServerOptions,
} from "../client.ts";
import { CommandError } from "../command_error.ts";
import type { CommandIO } from "../io.ts";
import { printable, styleOf } from "../style.ts";
import { type Standing, standingText, type Target, targetLines } from "../target_text.ts";

type Action = "list" | "enable" | "disable";

type Options = ServerOptions & {
  readonly reason?: string;
  readonly json?: true;
};

/** `hooks targets`: which webhooks get anything, and turning them on and off. */
export function define(command: Command, io: CommandIO): void {
  command
    .addArgument(
      new Argument("[action]", "what to do").choices(["list", "enable", "disable"]).default("list"),
    )
    .argument("[name]", "the webhook or durable hook that is turned on or off")
    .option("--reason <text>", "why it is turned off, for whoever looks later")
    .option("--json", "print one JSON object a target");
  addServerOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  hooks targets                          each with its state and its figures
  hooks targets enable audit             deliver again, first what was held
  hooks targets disable audit --reason "it is being moved"
`,
    )
    .action(async (action: Action, name: string | undefined, options: Options) => {
      checkUsage(action, name, options);
      const client = createClient(io, options);
      await (name === undefined
        ? list(client, options, io)
        : turn(client, action, name, options, io));
    });
}

function checkUsage(action: Action, name: string | undefined, { reason }: Options): void {
  const fault = action === "list"
    ? name !== undefined && "Cannot list one target: list takes no name"
    : !name && `Cannot ${action} a target without its name`;
  if (fault) {
    throw new CommandError(fault, [
      "It is `hooks targets`, `hooks targets enable NAME` or `hooks targets disable NAME`",
    ], 2);
  }
  if (reason !== undefined && action !== "disable") {
    throw new CommandError("Cannot use --reason as only `hooks targets disable` takes one", [], 2);
  }
}

async function list(client: Client, { json }: Options, io: CommandIO): Promise<void> {
  const { targets } = await client.json<{ readonly targets: readonly Target[] }>("/targets");
  if (targets.length === 0 && !json) {
    io.stderr.write(
      "no targets: the server has no webhook or durable hook, and keeps no event of one\n",
    );
    return;
  }
  const lines = json
    ? targets.map((target) => JSON.stringify(target))
    : targetLines(targets, styleOf(io, io.stdout));
  for (const line of lines) io.stdout.write(`${line}\n`);
}

async function turn(
  client: Client,
  action: Action,
  name: string,
  { reason, json }: Options,
  io: CommandIO,
): Promise<void> {
  const answer = await client.json<Standing>(pathOf("targets", name, action), {
    method: "POST",
    ...(reason === undefined ? {} : { body: { reason } }),
  });
  io.stdout.write(`${json ? JSON.stringify(answer) : printable(standingText(answer))}\n`);
}
