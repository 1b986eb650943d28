import { Argument, type Command } from "commander";
import type { TargetStateJson } from "../../hono/targets.ts";
import {
  addOutputOptions,
  connect,
  type OutputOptions,
  pathOf,
  type ServerContext,
} from "../client.ts";
import { describeTarget, fetchTargets, formatTargets } from "../delivery.ts";
import { CommandError } from "../errors.ts";
import type { CommandIO } from "../io.ts";
import { fitWidth, jsonText, printable, styleOf } from "../output.ts";

type Action = "list" | "enable" | "disable";

type Options = OutputOptions & { readonly reason?: string };

type Context = ServerContext<Options>;

/** Defines `hooks targets`: lists, enables and disables webhooks and durable hooks. */
export function define(command: Command, io: CommandIO): void {
  command
    .addArgument(
      new Argument("[action]", "what to do").choices(["list", "enable", "disable"]).default("list"),
    )
    .argument("[name]", "webhook or durable hook to enable or disable")
    .option("--reason <text>", "why the target is disabled, shown in the list");
  addOutputOptions(command, "print one JSON object per target")
    .addHelpText(
      "after",
      `
Examples:
  hooks targets                          list targets with their state and stats
  hooks targets enable audit             resume delivery, oldest events first
  hooks targets disable audit --reason "moving to a new host"
`,
    )
    .action(async (action: Action, name: string | undefined, options: Options) => {
      checkUsage(action, name, options);
      const context = connect(options, io);
      await (name === undefined ? list(context) : setState(context, action, name));
    });
}

function checkUsage(action: Action, name: string | undefined, { reason }: Options): void {
  if (action === "list" ? name !== undefined : !name) {
    throw new CommandError(
      action === "list"
        ? "Cannot list a single target: list takes no name"
        : `Cannot ${action} a target: its name is missing`,
      ["Run `hooks targets`, `hooks targets enable NAME` or `hooks targets disable NAME`"],
      2,
    );
  }
  if (reason === undefined || action === "disable") return;
  throw new CommandError("Cannot use --reason: only `hooks targets disable` takes one", [], 2);
}

async function list({ client, options: { json, full }, io }: Context): Promise<void> {
  const targets = await fetchTargets(client);
  if (targets.length === 0 && !json) {
    io.stderr.write("no targets: the server has no webhook or durable hook\n");
    return;
  }
  const lines = json
    ? targets.map((target) => jsonText(target))
    : formatTargets(targets, styleOf(io, io.stdout), fitWidth(io.stdout, full));
  for (const line of lines) io.stdout.write(`${line}\n`);
}

async function setState(
  { client, options: { reason, json }, io }: Context,
  action: Action,
  name: string,
): Promise<void> {
  const state = await client.json<TargetStateJson>(pathOf("targets", name, action), {
    method: "POST",
    ...(reason === undefined ? {} : { body: { reason } }),
  });
  io.stdout.write(`${json ? jsonText(state) : printable(describeTarget(state))}\n`);
}
