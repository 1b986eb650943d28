import { type Command, Option } from "commander";
import type { DecisionJson } from "../../hono/decisions.ts";
import {
  addOutputOptions,
  connect,
  fetchList,
  type OutputOptions,
  type ServerContext,
} from "../client.ts";
import { parseInteger } from "../input.ts";
import type { CommandIO } from "../io.ts";
import { formatTime, printable, type Style } from "../output.ts";
import { type Column, printList } from "../table.ts";

type Options = OutputOptions & {
  readonly outcome?: string;
  readonly gate?: string;
  readonly name?: string;
  readonly session?: string;
  readonly run?: string;
  readonly call?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit: number;
  readonly cursor?: string;
};

/** Defines `hooks decisions`: lists what gates decided. */
export function define(command: Command, io: CommandIO): void {
  command
    .addOption(
      new Option("--outcome <outcome>", "filter by outcome")
        .choices(["allowed", "denied", "asked", "error"]),
    )
    .option("--gate <name>", "filter by the name of a gate that took part")
    .option("--name <tool>", "filter by the name of the tool")
    .option("--session <id>", "filter by session id")
    .option("--run <id>", "filter by run id")
    .option("--call <id>", "filter by call id")
    .option("--since <time>", "filter by time: at or after")
    .option("--until <time>", "filter by time: before")
    .option("-n, --limit <count>", "maximum number of decisions", parseInteger(1, 1e9), 20)
    .option("--cursor <cursor>", "continue an earlier list");
  addOutputOptions(command, "print one JSON object per decision")
    .addHelpText(
      "after",
      `
Lists the newest decisions first.

Examples:
  hooks decisions                      the latest 20 decisions
  hooks decisions --outcome denied     what gates denied
  hooks decisions --call call-7        the decisions about one call
`,
    )
    .action(async (options: Options) => await list(connect(options, io)));
}

async function list(context: ServerContext<Options>): Promise<void> {
  const { limit, full: _, json: __, url: ___, token: ____, ...query } = context.options;
  const { items, cursor } = await fetchList<DecisionJson>(
    context.client,
    "decisions",
    query,
    limit,
  );
  printList(context, items, { columns: columnsOf, none: "no decisions match", cursor });
}

function columnsOf(style: Style): readonly Column<DecisionJson>[] {
  return [
    { title: "time", text: ({ at }) => formatTime(at) },
    {
      title: "outcome",
      text: ({ outcome }) => outcome,
      color: (text, { outcome }) => {
        const colors = { allowed: style.green, asked: style.yellow, denied: style.red };
        return (colors[outcome as "denied"] ?? style.red)(text);
      },
    },
    { title: "tool", text: ({ name, event_type }) => printable(name ?? event_type), min: 8 },
    { title: "call", text: ({ call_id }) => printable(call_id ?? ""), min: 8 },
    { title: "session", text: ({ session_id }) => printable(session_id ?? ""), min: 8 },
    {
      title: "gates",
      text: ({ gates }) =>
        printable(gates.filter(({ verdict }) => verdict !== "none").map(({ name }) => name).join()),
      min: 8,
    },
    { title: "reason", text: ({ reason }) => printable(reason ?? ""), min: 12, ellipsis: "end" },
  ];
}
