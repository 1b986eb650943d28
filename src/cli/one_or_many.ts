import type { Command } from "commander";
import { WHERE_TARGETS } from "./answer_error.ts";
import { type Client, createClient, pathOf, type ServerOptions } from "./client.ts";
import { CommandError } from "./command_error.ts";
import type { CommandIO } from "./io.ts";
import { printable } from "./style.ts";

/** A delivery, by its names. */
export type DeliveryKey = { readonly target: string; readonly id: string };

/** What a command does to one delivery, or to those of a target, or to all. */
export type OneOrMany<Options> = {
  readonly one: (
    client: Client,
    key: DeliveryKey,
    options: Options,
    io: CommandIO,
  ) => Promise<void>;
  readonly many: (
    client: Client,
    target: string | undefined,
    options: Options,
    io: CommandIO,
  ) => Promise<void>;
};

/** Options that mean something for one delivery, too. All others choose among many. */
const forOne = ["url", "token", "json"];

/** The action of a command with the arguments `[target] [id]`. */
export function oneOrMany<Options extends ServerOptions>(
  { one, many }: OneOrMany<Options>,
  io: CommandIO,
): (
  target: string | undefined,
  id: string | undefined,
  options: Options,
  command: Command,
) => Promise<void> {
  return async (target, id, options, command) => {
    const named = target !== undefined && id !== undefined;
    if (named) refuseChoices(command);
    const client = createClient(io, options);
    await (named ? one(client, { target, id }, options, io) : many(client, target, options, io));
  };
}

type Waiting = { readonly target: string; readonly pending: number };

/**
 * Where nothing was found: how many deliveries wait, of a target or of all.
 *
 * @throws {CommandError} when there is no such target
 */
export async function waitingFor(client: Client, target: string | undefined): Promise<number> {
  const { targets } = await client.json<{ readonly targets: readonly Waiting[] }>("/targets");
  const asked = targets.filter((known) => target === undefined || known.target === target);
  if (target !== undefined && asked.length === 0) {
    throw new CommandError(`There is no target ${printable(target)}`, [WHERE_TARGETS]);
  }
  return asked.reduce((sum, { pending }) => sum + pending, 0);
}

/** The path of a delivery. */
export function deliveryPath({ target, id }: DeliveryKey): string {
  return pathOf("deliveries", target, id);
}

function refuseChoices(command: Command): void {
  const given = command.options.find((option) =>
    !forOne.includes(option.attributeName()) &&
    command.getOptionValueSource(option.attributeName()) === "cli"
  );
  if (given === undefined) return;
  throw new CommandError(`Cannot use ${given.long} with the id of an event, which is one already`, [
    `Leave out the id or ${given.long}`,
  ], 2);
}
