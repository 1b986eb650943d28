import { Argument, type Command, Option } from "commander";
import { parseInteger } from "../arguments.ts";
import { addServerOptions, type Client, type ServerOptions } from "../client.ts";
import { type Delivery, deliveryText, type Summary, summaryLine } from "../delivery_text.ts";
import type { CommandIO } from "../io.ts";
import { type DeliveryKey, deliveryPath, oneOrMany, waitingFor } from "../one_or_many.ts";
import { styleOf } from "../style.ts";

/** The most that a server gives at once. */
const MAX_PAGE = 1000;

type Options = ServerOptions & {
  readonly state: "pending" | "attempted" | "dead";
  readonly limit: number;
  readonly cursor?: string;
  readonly all?: true;
  readonly json?: true;
};

type Page = { readonly deliveries: readonly Summary[]; readonly next_cursor?: string };

/** `hooks deliveries`: what became of events on their way to webhooks. */
export function define(command: Command, io: CommandIO): void {
  command
    .addArgument(new Argument("[target]", "of this webhook or durable hook only"))
    .addArgument(new Argument("[id]", "this event's, with the log of its attempts"))
    .addOption(
      new Option("--state <state>", "those that wait, were tried, or were given up")
        .choices(["attempted", "pending", "dead"]).default("attempted"),
    )
    .option("-n, --limit <count>", "at most so many", parseInteger(1, 1e9), 20)
    .addOption(new Option("--all", "all of them").conflicts("limit"))
    .option("--cursor <cursor>", "go on where an earlier list ended")
    .option("--json", "print one JSON object a delivery");
  addServerOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  hooks deliveries                     20 that were tried, by webhook
  hooks deliveries audit --state dead  what the webhook audit was never given
  hooks deliveries audit 019…          one delivery, with each attempt
`,
    )
    .action(oneOrMany<Options>({ one: show, many: list }, io));
}

async function show(
  client: Client,
  key: DeliveryKey,
  { json }: Options,
  io: CommandIO,
): Promise<void> {
  const delivery = await client.json<Delivery>(deliveryPath(key));
  const text = json ? JSON.stringify(delivery) : deliveryText(delivery, styleOf(io, io.stdout));
  io.stdout.write(`${text}\n`);
}

async function list(
  client: Client,
  target: string | undefined,
  { state, limit, all, cursor: first, json }: Options,
  io: CommandIO,
): Promise<void> {
  const style = styleOf(io, io.stdout);
  let left = all ? Infinity : limit;
  let cursor = first;
  let found = 0;
  do {
    const query = { state, target, limit: Math.min(left, MAX_PAGE), cursor };
    const page = await client.json<Page>("/deliveries", { query });
    const width = Math.max(...page.deliveries.map((delivery) => delivery.target.length));
    for (const delivery of page.deliveries) {
      const text = json ? JSON.stringify(delivery) : summaryLine(delivery, style, width);
      io.stdout.write(`${text}\n`);
    }
    found += page.deliveries.length;
    left -= page.deliveries.length;
    cursor = page.next_cursor;
  } while (cursor !== undefined && left > 0);
  if (found === 0 && target !== undefined) await waitingFor(client, target); // is it one?
  if (found === 0 && !json) io.stderr.write(`no deliveries: none ${stateWords[state]}\n`);
  if (cursor !== undefined) io.stderr.write(`there may be more: --cursor ${cursor}\n`);
}

const stateWords: Readonly<Record<Options["state"], string>> = {
  attempted: "was tried",
  pending: "is waiting",
  dead: "was given up",
};
