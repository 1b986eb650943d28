import { type Command, Option } from "commander";
import type { DecisionJson } from "../../hono/decisions.ts";
import { addServerOptions, connect, type ServerContext, type ServerOptions } from "../client.ts";
import { parseInteger } from "../input.ts";
import type { CommandIO } from "../io.ts";
import { fitWidth, formatTime, jsonText, printable, styleOf } from "../output.ts";
import { type Column, formatTable } from "../table.ts";

/** The most decisions that a server returns at once. */
const MAX_PAGE = 1000;

type Options = ServerOptions & {
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
  readonly full?: true;
  readonly json?: true;
};

type Page = { readonly decisions: readonly DecisionJson[]; readonly next_cursor?: string };

/** Defines `hooks decisions`: lists what gates decided. */
export function define(command: Command, io: CommandIO): void {
  command
    .addOption(
      new Option("--outcome <outcome>", "only decisions of an outcome")
        .choices(["allowed", "denied", "asked", "error"]),
    )
    .option("--gate <name>", "only decisions that a gate took part in")
    .option("--name <tool>", "only decisions about a tool")
    .option("--session <id>", "only decisions of a session")
    .option("--run <id>", "only decisions of a run")
    .option("--call <id>", "only decisions about a call")
    .option("--since <time>", "only decisions from a time on")
    .option("--until <time>", "only decisions before a time")
    .option("-n, --limit <count>", "maximum number of decisions", parseInteger(1, 1e9), 20)
    .option("--cursor <cursor>", "continue an earlier list")
    .option("--full", "don't shorten lines to the terminal's width")
    .option("--json", "print one JSON object per decision");
  addServerOptions(command)
    .addHelpText(
      "after",
      `
The newest decisions come first.

Examples:
  hooks decisions                      the latest 20 decisions
  hooks decisions --outcome denied     what gates denied
  hooks decisions --call call-7        what was decided about a call
`,
    )
    .action(async (options: Options) => await list(connect(options, io)));
}

async function list({ client, options, io }: ServerContext<Options>): Promise<void> {
  const { limit, cursor, full, json, url: _, token: __, ...filter } = options;
  const found: DecisionJson[] = [];
  let next = cursor;
  do {
    const query = { ...filter, limit: Math.min(limit - found.length, MAX_PAGE), cursor: next };
    const page: Page = await client.json<Page>("/decisions", { query });
    found.push(...page.decisions);
    next = page.next_cursor;
  } while (next !== undefined && found.length < limit);
  if (json) { for (const one of found) io.stdout.write(`${jsonText(one)}\n`); }
  else if (found.length === 0) {
    io.stderr.write("no decisions match\n");
  } else {
    const style = styleOf(io, io.stdout);
    const [header, ...lines] = formatTable(
      found,
      columnsOf(style),
      fitWidth(io.stdout, full),
    );
    if (io.stdout.isTerminal) io.stdout.write(`${style.dim(header)}\n`);
    for (const line of lines) io.stdout.write(`${line}\n`);
  }
  if (next !== undefined) io.stderr.write(`next page: --cursor ${next}\n`);
}

function columnsOf(style: ReturnType<typeof styleOf>): readonly Column<DecisionJson>[] {
  return [
    { title: "time", text: ({ at }) => formatTime(at) },
    {
      title: "outcome",
      text: ({ outcome }) => outcome,
      color: (text, { outcome }) =>
        outcome === "allowed"
          ? style.green(text)
          : outcome === "asked"
          ? style.yellow(text)
          : style.red(text),
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
