import { Argument, type Command, Option } from "commander";
import type { AskJson } from "../../hono/asks.ts";
import {
  addOutputOptions,
  connect,
  fetchList,
  type OutputOptions,
  pathOf,
  type ServerContext,
} from "../client.ts";
import { CommandError } from "../errors.ts";
import { parseInteger } from "../input.ts";
import type { CommandIO } from "../io.ts";
import { formatTime, jsonText, printable } from "../output.ts";
import { type Column, printList } from "../table.ts";

type Action = "list" | "show" | "approve" | "deny";

type Options = OutputOptions & {
  readonly state: "pending" | "all";
  readonly limit: number;
  readonly cursor?: string;
  readonly by?: string;
  readonly note?: string;
};

type Context = ServerContext<Options>;

/** Defines `hooks asks`: lists asks, and resolves them. */
export function define(command: Command, io: CommandIO): void {
  command
    .addArgument(
      new Argument("[action]", "what to do").choices(["list", "show", "approve", "deny"])
        .default("list"),
    )
    .argument("[id]", "ask to show, approve, or deny")
    .addOption(
      new Option("--state <state>", "asks to list").choices(["pending", "all"]).default("pending"),
    )
    .option("-n, --limit <count>", "maximum number of asks", parseInteger(1, 1000), 20)
    .option("--cursor <cursor>", "continue an earlier list")
    .option("--by <name>", "your name, for the record")
    .option("--note <text>", "reason, for the model and the record");
  addOutputOptions(command, "print one JSON object per ask")
    .addHelpText(
      "after",
      `
Only the first response to an ask counts.

Examples:
  hooks asks                              list pending asks
  hooks asks show 019…                    the question and the data
  hooks asks approve 019… --by ada        allow it
  hooks asks deny 019… --note "too much"  deny it, and tell the model why
`,
    )
    .action(async (action: Action, id: string | undefined, options: Options) => {
      checkUsage(action, id, options);
      const context = connect(options, io);
      await (id === undefined ? list(context) : show(context, action, id));
    });
}

function checkUsage(action: Action, id: string | undefined, { by, note }: Options): void {
  if (action === "list" ? id !== undefined : !id) {
    throw new CommandError(
      action === "list"
        ? "Cannot list asks: 'list' takes no id"
        : `Cannot ${action} an ask: its id is missing`,
      ["Run `hooks asks`, `hooks asks show ID`, `hooks asks approve ID`, or `hooks asks deny ID`"],
      2,
    );
  }
  if (action === "approve" || action === "deny") return;
  const misplaced = by !== undefined ? "--by" : note !== undefined ? "--note" : undefined;
  if (misplaced === undefined) return;
  throw new CommandError(
    `Cannot use ${misplaced}: only \`hooks asks approve\` and \`hooks asks deny\` take one`,
    [],
    2,
  );
}

async function list(context: Context): Promise<void> {
  const { state, limit, cursor } = context.options;
  const asks = await fetchList<AskJson>(context.client, "asks", { state, cursor }, limit);
  const none = state === "all" ? "no asks: no gate has asked yet" : "no pending asks";
  printList(context, asks.items, { columns: () => COLUMNS, none, cursor: asks.cursor });
}

const COLUMNS: readonly Column<AskJson>[] = [
  { title: "id", text: ({ id }) => printable(id), min: 8, keep: true },
  { title: "state", text: ({ state }) => state },
  { title: "expires", text: ({ expires_at }) => formatTime(expires_at) },
  { title: "gate", text: ({ gate }) => printable(gate ?? ""), min: 8 },
  { title: "question", text: ({ question }) => printable(question), min: 16, ellipsis: "end" },
];

/** Shows an ask, or responds to it and then shows it. */
async function show({ client, options, io }: Context, action: Action, id: string): Promise<void> {
  const { by, note, json } = options;
  const decision = action === "approve" ? "allow" : "deny";
  const request = action === "show" ? {} : { body: { decision, by, note } };
  const ask = await client.json<AskJson>(pathOf("asks", id), request);
  io.stdout.write(`${json ? jsonText(ask) : describe(ask)}\n`);
}

/** Describes an ask, a field per line. */
function describe(ask: AskJson): string {
  const { id, state, question, gate, by, note, expires_at, resolved_at, data, edited } = ask;
  const fields: Readonly<Record<string, string | undefined>> = {
    id,
    state,
    question,
    gate,
    data: JSON.stringify(data),
    edited: edited === undefined ? undefined : JSON.stringify(edited),
    expires: state === "pending" ? formatTime(expires_at) : undefined,
    resolved: resolved_at && formatTime(resolved_at),
    by,
    note,
  };
  const lines = Object.entries(fields).filter(([, value]) => value !== undefined);
  return lines.map(([name, value]) => `${name.padEnd(9)} ${printable(value!)}`).join("\n");
}
