import { Argument, type Command, Option } from "commander";
import type { DeliveryJson, DeliverySummaryJson } from "../../hono/deliveries.ts";
import {
  addOutputOptions,
  type Client,
  connect,
  fetchPages,
  type OutputOptions,
  pathOf,
  type ServerContext,
} from "../client.ts";
import {
  checkNoFilter,
  countPending,
  type DeliveryKey,
  deliveryPath,
  fetchTargets,
  formatDeliveries,
  formatDelivery,
} from "../delivery.ts";
import { parseInteger } from "../input.ts";
import type { CommandIO } from "../io.ts";
import { fitWidth, jsonText, styleOf } from "../output.ts";

type Options = OutputOptions & {
  readonly state: "pending" | "attempted" | "dead";
  readonly limit: number;
  readonly cursor?: string;
  readonly all?: true;
  readonly event?: string;
};

type Context = ServerContext<Options>;

/** Defines `hooks deliveries`: lists deliveries. */
export function define(command: Command, io: CommandIO): void {
  command
    .addArgument(new Argument("[target]", "only this webhook or durable hook"))
    .addArgument(new Argument("[id]", "show this event's delivery with all its attempts"))
    .addOption(
      new Option("--state <state>", "filter by state")
        .choices(["attempted", "pending", "dead"]).default("attempted"),
    )
    .option("-n, --limit <count>", "maximum number of deliveries", parseInteger(1, 1e9), 20)
    .addOption(new Option("--all", "list all deliveries").conflicts("limit"))
    .option("--cursor <cursor>", "continue an earlier list")
    .addOption(
      new Option("--event <id>", "show all deliveries of an event with their attempts")
        .conflicts(["state", "limit", "all", "cursor"]),
    );
  addOutputOptions(command, "print one JSON object per delivery")
    .addHelpText(
      "after",
      `
Lists the newest events first; with --all, target by target. With --state
pending, lists what is due next first. Shortens lines only in a terminal.

Examples:
  hooks deliveries                     the latest 20 attempted deliveries
  hooks deliveries audit --state dead  deliveries to audit that were given up
  hooks deliveries audit 019…          one delivery with all its attempts
  hooks deliveries --event 019…        all deliveries of an event
`,
    )
    .action(async (target: string | undefined, id: string | undefined, options: Options) => {
      if (id !== undefined) checkNoFilter(command);
      const context = connect(options, io);
      await (target === undefined || id === undefined
        ? list(context, target)
        : show(context, { target, id }));
    });
}

async function show({ client, options, io }: Context, key: DeliveryKey): Promise<void> {
  const delivery = await client.json<DeliveryJson>(deliveryPath(key));
  const style = styleOf(io, io.stdout);
  io.stdout.write(`${options.json ? jsonText(delivery) : formatDelivery(delivery, style)}\n`);
}

async function list(context: Context, target: string | undefined): Promise<void> {
  const { client, options: { state, limit, all, cursor, event }, io } = context;
  if (event !== undefined) return await showEvent(context, event, target);
  const print = printer(context);
  const max = all ? Infinity : limit;
  let found = 0;
  let next: string | undefined;
  const printPages = async (query: Query): Promise<void> => {
    for await (const { items, cursor } of fetchDeliveries(client, query, max)) {
      print(items);
      found += items.length;
      next = cursor;
    }
  };
  // Pending deliveries are listed by due time, all others by event, newest first within a target.
  if (target !== undefined || cursor !== undefined || state === "pending") {
    await printPages({ state, target, order: state === "pending" ? "oldest" : "newest", cursor });
  } else if (all) {
    for (const { target } of await fetchTargets(client)) {
      await printPages({ state, target, order: "newest" });
    }
  } else {
    const { newest, more } = await fetchNewest(client, state, limit);
    print(newest);
    found = newest.length;
    if (more) io.stderr.write("more deliveries exist: pass --all, a higher --limit or a target\n");
  }
  if (found === 0) await reportNone(context, target);
  if (next !== undefined && found >= max) io.stderr.write(`next page: --cursor ${next}\n`);
}

/** Shows the deliveries of an event, or the one to a target. */
async function showEvent(context: Context, id: string, target: string | undefined): Promise<void> {
  if (target !== undefined) return await show(context, { target, id });
  const { client, options, io } = context;
  const { targets } = await client.json<{ readonly targets: readonly string[] }>(
    pathOf("events", id),
  );
  for (const target of targets) await show(context, { target, id });
  if (targets.length === 0 && !options.json) {
    io.stderr.write("no deliveries: the event has no targets\n");
  }
}

type Query = {
  readonly state: Options["state"];
  readonly order: "newest" | "oldest";
  readonly target?: string | undefined;
  readonly cursor?: string | undefined;
};

function fetchDeliveries(client: Client, query: Query, max: number) {
  return fetchPages<DeliverySummaryJson>(client, "deliveries", { ...query, include: "event" }, max);
}

/** Fetches the newest deliveries across all targets, by the ids of their events. */
async function fetchNewest(
  client: Client,
  state: Options["state"],
  limit: number,
): Promise<{ readonly newest: readonly DeliverySummaryJson[]; readonly more: boolean }> {
  let newest: DeliverySummaryJson[] = [];
  let more = false;
  for (const { target } of await fetchTargets(client)) {
    const query = { state, target, order: "newest" } as const;
    for await (const { items, cursor } of fetchDeliveries(client, query, limit)) {
      newest = [...newest, ...items].sort((one, other) =>
        one.event_id < other.event_id ? 1 : one.event_id > other.event_id ? -1 : 0
      );
      more ||= newest.length > limit || cursor !== undefined;
      newest.length = Math.min(newest.length, limit);
    }
  }
  return { newest, more };
}

/** Returns a function that prints deliveries; in a terminal, with a header before the first. */
function printer(
  { options: { json, full }, io }: Context,
): (deliveries: readonly DeliverySummaryJson[]) => void {
  const { isTerminal } = io.stdout;
  const width = fitWidth(io.stdout, full);
  const style = styleOf(io, io.stdout);
  let needsHeader = isTerminal && !json;
  return (deliveries) => {
    if (deliveries.length === 0) return;
    const [header, ...rows] = json
      ? ["", ...deliveries.map((delivery) => jsonText(delivery))]
      : formatDeliveries(deliveries, { style, now: io.now(), isTerminal, width });
    if (needsHeader) io.stdout.write(`${style.dim(header)}\n`);
    needsHeader = false;
    for (const row of rows) io.stdout.write(`${row}\n`);
  };
}

async function reportNone(
  { client, options: { state, json }, io }: Context,
  target: string | undefined,
): Promise<void> {
  if (target === undefined && json) return;
  const pending = await countPending(client, target); // throws if there is no such target
  if (json) return;
  const hint = pending > 0 && state !== "pending" ? `; ${pending} pending: --state pending` : "";
  io.stderr.write(`no ${state} deliveries${hint}\n`);
}
