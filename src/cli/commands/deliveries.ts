import { Argument, type Command, Option } from "commander";
import { parseInteger } from "../arguments.ts";
import { addServerOptions, type Client, pathOf, type ServerOptions } from "../client.ts";
import { type Delivery, deliveryText, type Summary, summaryLines } from "../delivery_text.ts";
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
  readonly event?: string;
  readonly full?: true;
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
    .addOption(
      new Option("--event <id>", "this event's, with the log of the attempts")
        .conflicts(["state", "limit", "all", "cursor"]),
    )
    .option("--full", "print whole results, however wide the terminal is")
    .option("--json", "print one JSON object a delivery");
  addServerOptions(command)
    .addHelpText(
      "after",
      `
The newest events come first (with --all, target by target); with --state
pending, what is due first.

Examples:
  hooks deliveries                     the newest 20 that were tried
  hooks deliveries audit --state dead  what the webhook audit was never given
  hooks deliveries audit 019…          one delivery, with each attempt
  hooks deliveries --event 019…        all deliveries of an event
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

/** Every delivery of an event, with its attempts. */
async function showEvent(
  client: Client,
  { id }: Pick<DeliveryKey, "id">,
  { json }: Options,
  io: CommandIO,
): Promise<void> {
  const { targets } = await client.json<{ readonly targets: readonly string[] }>(
    pathOf("events", id),
  );
  const style = styleOf(io, io.stdout);
  for (const target of targets) {
    const delivery = await client.json<Delivery>(deliveryPath({ target, id }));
    io.stdout.write(`${json ? JSON.stringify(delivery) : deliveryText(delivery, style)}\n`);
  }
  if (targets.length === 0 && !json) io.stderr.write("no deliveries: the event has no target\n");
}

async function list(
  client: Client,
  target: string | undefined,
  options: Options,
  io: CommandIO,
): Promise<void> {
  const { state, limit, all, cursor } = options;
  if (options.event !== undefined) {
    const key = { target, id: options.event };
    return await (target === undefined ? showEvent : show)(client, key as DeliveryKey, options, io);
  }
  const print = printer(options, io);
  const most = all ? Infinity : limit;
  // Pending deliveries are listed by due time, all others by event, newest first for each target.
  const order = state === "pending" ? "oldest" : "newest";
  const several = target === undefined && cursor === undefined && order === "newest";
  let found = 0;
  let next: string | undefined;
  if (!several) {
    for await (const page of pages(client, { state, target, order, cursor }, most)) {
      print(page.deliveries);
      found += page.deliveries.length;
      next = page.next_cursor;
    }
  } else if (all) {
    for (const name of await targetNames(client)) {
      for await (const { deliveries } of pages(client, { state, target: name, order }, most)) {
        print(deliveries);
        found += deliveries.length;
      }
    }
  } else {
    const { newest, more } = await newestOfAll(client, { state, order }, limit);
    print(newest);
    found = newest.length;
    if (more) io.stderr.write("there are more: --all, a higher --limit, or a target\n");
  }
  if (found === 0) await noteNone(client, target, options, io);
  if (next !== undefined && found >= most) io.stderr.write(`there may be more: --cursor ${next}\n`);
}

type Query = {
  readonly state: Options["state"];
  readonly order: string;
  readonly target?: string | undefined;
  readonly cursor?: string | undefined;
};

/** Pages of a list, up to a number of deliveries. */
async function* pages(client: Client, query: Query, most: number): AsyncGenerator<Page> {
  let left = most;
  let { cursor } = query;
  do {
    const limit = Math.min(left, MAX_PAGE);
    const page = await client.json<Page>("/deliveries", {
      query: { ...query, include: "event", limit, cursor },
    });
    yield page;
    left -= page.deliveries.length;
    cursor = page.next_cursor;
  } while (cursor !== undefined && left > 0);
}

/** The newest deliveries of all targets together, by the ids of their events. */
async function newestOfAll(
  client: Client,
  query: Query,
  limit: number,
): Promise<{ readonly newest: readonly Summary[]; readonly more: boolean }> {
  let newest: Summary[] = [];
  let more = false;
  for (const target of await targetNames(client)) {
    for await (const page of pages(client, { ...query, target }, limit)) {
      newest = [...newest, ...page.deliveries].sort(byNewest);
      more ||= newest.length > limit || page.next_cursor !== undefined;
      newest.length = Math.min(newest.length, limit);
    }
  }
  return { newest, more };
}

function byNewest(one: Summary, other: Summary): number {
  return one.event_id < other.event_id ? 1 : one.event_id > other.event_id ? -1 : 0;
}

async function targetNames(client: Client): Promise<readonly string[]> {
  const { targets } = await client.json<{ readonly targets: readonly { target: string }[] }>(
    "/targets",
  );
  return targets.map(({ target }) => target);
}

/** Prints deliveries, with a header row on a terminal. */
function printer(
  { json, full }: Options,
  io: CommandIO,
): (deliveries: readonly Summary[]) => void {
  const { isTerminal: terminal, columns } = io.stdout;
  const style = styleOf(io, io.stdout);
  let headed = !terminal;
  return (deliveries) => {
    if (deliveries.length === 0) return;
    const options = { style, now: io.now(), columns: full ? undefined : columns, terminal };
    const [head, ...lines] = json
      ? ["", ...deliveries.map((delivery) => JSON.stringify(delivery))]
      : summaryLines(deliveries, options);
    if (!headed && !json) io.stdout.write(`${style.dim(head)}\n`);
    headed = true;
    for (const line of lines) io.stdout.write(`${line}\n`);
  };
}

async function noteNone(
  client: Client,
  target: string | undefined,
  { state, json }: Options,
  io: CommandIO,
): Promise<void> {
  if (target === undefined && json) return;
  const waiting = await waitingFor(client, target); // is it one?
  if (json) return;
  const hint = waiting > 0 && state !== "pending" ? `; ${waiting} waiting: --state pending` : "";
  io.stderr.write(`no deliveries: none ${stateWords[state]}${hint}\n`);
}

const stateWords: Readonly<Record<Options["state"], string>> = {
  attempted: "was tried",
  pending: "is waiting",
  dead: "was given up",
};
