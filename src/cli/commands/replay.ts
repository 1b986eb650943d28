import { type Command, Option } from "commander";
import { parseMoment } from "../arguments.ts";
import { addServerOptions, type Client, type ServerOptions } from "../client.ts";
import { CommandError } from "../command_error.ts";
import type { CommandIO } from "../io.ts";
import { type DeliveryKey, deliveryPath, oneOrMany, waitingFor } from "../one_or_many.ts";
import { Progress } from "../progress.ts";
import { listenForStop } from "../stop.ts";
import { printable } from "../style.ts";
import { heldText, type Target } from "../target_text.ts";

/** How long one request replays: short enough for a progress line, in milliseconds. */
const BUDGET = 2_000;

type Options = ServerOptions & {
  readonly state: "dead" | "delivered";
  readonly type?: string;
  readonly since?: string;
  readonly until?: string;
  readonly cursor?: string;
  readonly json?: true;
};

type Answer = {
  readonly replayed: number;
  readonly refused: number;
  readonly next_cursor?: string;
};

/** `hooks replay`: delivers again. */
export function define(command: Command, io: CommandIO): void {
  command
    .argument("[target]", "to this webhook or durable hook only")
    .argument("[id]", "this event only, whatever became of it")
    .addOption(
      new Option("--state <state>", "those given up, or those delivered")
        .choices(["dead", "delivered"]).default("dead"),
    )
    .option("--type <pattern>", "events of this type, or of a prefix such as tool.*")
    .option(
      "--since <time>",
      "events since 2026-01-31T12:00:00Z, or 2h ago",
      parseMoment(io.now),
    )
    .option("--until <time>", "events before that", parseMoment(io.now))
    .option("--cursor <cursor>", "go on where an interrupted run ended")
    .option("--json", "print the sum as JSON");
  addServerOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  hooks replay                        everything that was given up
  hooks replay audit --since 2h       the same of one webhook, once it is mended
  hooks replay audit 019…             one event
`,
    )
    .action(oneOrMany<Options>({ one, many }, io));
}

async function one(
  client: Client,
  key: DeliveryKey,
  { json }: Options,
  io: CommandIO,
): Promise<void> {
  const answer = await client.json<{ readonly outcome: string }>(`${deliveryPath(key)}/retry`, {
    method: "POST",
  });
  const words = outcomeWords[answer.outcome] ?? printable(answer.outcome);
  io.stdout.write(`${json ? JSON.stringify(answer) : words}\n`);
  if (!json) await noteHeld(client, key.target, io);
}

/** Says of which targets nothing comes out at present: what is due to them waits all the same. */
async function noteHeld(client: Client, only: string | undefined, io: CommandIO): Promise<void> {
  const answer = await client.json<{ readonly targets?: readonly Target[] }>("/targets")
    .catch(() => undefined); // the token may not be for reading, and the replay is done
  for (const target of answer?.targets ?? []) {
    const held = only === undefined || only === target.target ? heldText(target) : undefined;
    if (held !== undefined) io.stderr.write(`${printable(held)}\n`);
  }
}

const outcomeWords: Readonly<Record<string, string>> = {
  moved: "it was waiting: due now",
  queued: "not yet: it waits behind another of its session, which has to be delivered first",
  replayed: "it was settled: due again now",
};

/** Asks for as much as fits the budget, until nothing is left. */
async function many(
  client: Client,
  target: string | undefined,
  { state, type, since, until: given, cursor: first, json }: Options,
  io: CommandIO,
): Promise<void> {
  // What is delivered meanwhile is not delivered again: else a busy server would never be done.
  const until = given ?? (state === "delivered" ? new Date(io.now()).toISOString() : undefined);
  const progress = new Progress(io);
  const stop = listenForStop(io);
  let [replayed, refused, cursor] = [0, 0, first];
  try {
    do {
      const body = { target, state, type, since, until, budget_ms: BUDGET, cursor };
      const { signal } = stop;
      const answer = await client.json<Answer>("/deliveries/replay", { body, signal });
      replayed += answer.replayed;
      refused += answer.refused;
      cursor = answer.next_cursor;
      progress.show(`${replayed} replayed, ${refused} refused`);
    } while (cursor !== undefined);
  } catch (error) {
    progress.clear();
    const before = `${replayed} were replayed before that`;
    const again = cursor === undefined ? "run it again" : `go on with --cursor ${cursor}`;
    if (stop.signal.aborted) throw new CommandError("Interrupted", [`${before}: ${again}`]);
    if (!(error instanceof CommandError) || replayed === 0) throw error;
    throw new CommandError(error.message, [...error.details, `${before}: ${again}`]);
  } finally {
    stop.release();
  }
  progress.clear();
  const text = json
    ? JSON.stringify({ replayed, refused })
    : `${replayed} replayed${whySome(refused)}`;
  const nothing = replayed + refused === 0 ? await whyNothing(client, target, state) : "";
  io.stdout.write(`${text}${json ? "" : nothing}\n`);
  if (!json && replayed > 0) await noteHeld(client, target, io);
}

function whySome(refused: number): string {
  if (refused === 0) return "";
  return `, ${refused} refused: their event is gone, or they were replayed already`;
}

/**
 * After a receiver was repaired, more waits for its next attempt than was given up.
 *
 * @throws {CommandError} when there is no such target
 */
async function whyNothing(
  client: Client,
  target: string | undefined,
  state: Options["state"],
): Promise<string> {
  const waiting = await waitingFor(client, target);
  if (state === "delivered") return ": none that you asked for was delivered";
  const hint = waiting === 0 ? "" : `; ${waiting} ${waiting === 1 ? "waits" : "wait"} to be tried:
\`hooks deliveries --state pending\` lists them, \`hooks replay TARGET ID\` makes one due now`;
  return `: none that you asked for was given up${hint}`;
}
