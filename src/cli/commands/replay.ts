import { type Command, Option } from "commander";
import { addServerOptions, connect, type ServerContext, type ServerOptions } from "../client.ts";
import {
  checkNoFilter,
  countPending,
  type DeliveryKey,
  deliveryPath,
  explainBlocked,
  fetchTargets,
} from "../delivery.ts";
import { CommandError } from "../errors.ts";
import { listenForShutdown, parseTimestamp } from "../input.ts";
import type { CommandIO } from "../io.ts";
import { printable, Progress } from "../output.ts";

/** How long one request replays, in milliseconds: short enough for a progress line. */
const REQUEST_TIME = 2_000;

type Options = ServerOptions & {
  readonly state: "dead" | "delivered";
  readonly type?: string;
  readonly since?: string;
  readonly until?: string;
  readonly cursor?: string;
  readonly json?: true;
};

type Context = ServerContext<Options>;

type ReplayResult = {
  readonly replayed: number;
  readonly refused: number;
  readonly next_cursor?: string;
};

/** Defines `hooks replay`: delivers events again. */
export function define(command: Command, io: CommandIO): void {
  command
    .argument("[target]", "only this webhook or durable hook")
    .argument("[id]", "only this event, in any state")
    .addOption(
      new Option("--state <state>", "which deliveries to replay")
        .choices(["dead", "delivered"]).default("dead"),
    )
    .option("--type <pattern>", "filter by type, or by a prefix such as tool.*")
    .option("--since <time>", "filter by time: at or after", parseTimestamp(io.now))
    .option("--until <time>", "filter by time: before", parseTimestamp(io.now))
    .option("--cursor <cursor>", "resume an interrupted replay")
    .option("--json", "print the result as JSON");
  addServerOptions(command)
    .addHelpText(
      "after",
      `
Times look like 2026-01-31T12:00:00Z, 2026-01-31 or 2h.

Examples:
  hooks replay                        replay all dead deliveries
  hooks replay audit --since 2h       replay one webhook, the last two hours
  hooks replay audit 019…             replay one event
`,
    )
    .action(async (target: string | undefined, id: string | undefined, options: Options) => {
      if (id !== undefined) checkNoFilter(command);
      const context = connect(options, io);
      await (target === undefined || id === undefined
        ? replayMany(context, target)
        : replayOne(context, { target, id }));
    });
}

async function replayOne(context: Context, key: DeliveryKey): Promise<void> {
  const { client, options: { json }, io } = context;
  const result = await client.json<{ readonly outcome: string }>(`${deliveryPath(key)}/retry`, {
    method: "POST",
  });
  const text = outcomes[result.outcome] ?? printable(result.outcome);
  io.stdout.write(`${json ? JSON.stringify(result) : text}\n`);
  if (!json) await warnBlocked(context, key.target);
}

const outcomes: Readonly<Record<string, string>> = {
  moved: "pending delivery is now due",
  queued: "not due yet: an earlier event of its session has to be delivered first",
  replayed: "delivery is due again now",
};

/** Names the targets that currently receive nothing, where replayed events wait. */
async function warnBlocked({ client, io }: Context, only: string | undefined): Promise<void> {
  // The replay is done, even if the token doesn't allow reading.
  const targets = await fetchTargets(client).catch(() => []);
  const selected = targets.filter(({ target }) => only === undefined || only === target);
  for (const line of selected.flatMap(explainBlocked)) io.stderr.write(`${printable(line)}\n`);
}

/** Sends requests until nothing is left to replay. */
async function replayMany(context: Context, target: string | undefined): Promise<void> {
  const { client, options, io } = context;
  const { state, type, since, json } = options;
  // Excludes what is delivered meanwhile: otherwise a busy server would never be done.
  const now = new Date(io.now()).toISOString();
  const until = options.until ?? (state === "delivered" ? now : undefined);
  const progress = new Progress(io);
  const shutdown = listenForShutdown(io);
  const { signal } = shutdown;
  let [replayed, refused, cursor] = [0, 0, options.cursor];
  try {
    do {
      const body = { target, state, type, since, until, budget_ms: REQUEST_TIME, cursor };
      const result = await client.json<ReplayResult>("/deliveries/replay", { body, signal });
      replayed += result.replayed;
      refused += result.refused;
      cursor = result.next_cursor;
      progress.show(`${replayed} replayed, ${refused} skipped`);
    } while (cursor !== undefined);
  } catch (error) {
    const resume = cursor === undefined ? "run it again" : `resume with --cursor ${cursor}`;
    const detail = `${replayed} replayed before that; ${resume}`;
    if (signal.aborted) throw new CommandError("Interrupted", [detail]);
    if (!(error instanceof CommandError) || replayed === 0) throw error;
    throw new CommandError(error.message, [...error.details, detail]);
  } finally {
    progress.clear();
    shutdown.release();
  }
  const nothing = replayed + refused === 0 ? await explainNothing(context, target) : "";
  const skipped = refused === 0
    ? ""
    : `, ${refused} skipped: their events are gone, or they were replayed already`;
  const text = json
    ? JSON.stringify({ replayed, refused })
    : `${replayed} replayed${skipped}${nothing}`;
  io.stdout.write(`${text}\n`);
  if (!json && replayed > 0) await warnBlocked(context, target);
}

/**
 * Explains an empty replay: after a receiver was fixed, more deliveries may be pending than dead.
 *
 * @throws {CommandError} when there is no such target
 */
async function explainNothing(
  { client, options: { state } }: Context,
  target: string | undefined,
): Promise<string> {
  const pending = await countPending(client, target);
  if (state === "delivered" || pending === 0) return `: no matching ${state} deliveries`;
  return `: no matching dead deliveries; ${pending} pending
List them with \`hooks deliveries --state pending\`; make one due now with
\`hooks replay TARGET ID\``;
}
