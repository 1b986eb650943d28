import { WHERE_TARGETS } from "./answer_error.ts";
import { type Client, createClient, type ServerOptions } from "./client.ts";
import { CommandError } from "./command_error.ts";
import type { CommandIO } from "./io.ts";
import { printable } from "./style.ts";

/** What a command does to one delivery, by its path, or to those of a target, or to all. */
export type OneOrMany<Options> = {
  readonly one: (client: Client, path: string, options: Options, io: CommandIO) => Promise<void>;
  readonly many: (
    client: Client,
    target: string | undefined,
    options: Options,
    io: CommandIO,
  ) => Promise<void>;
};

/** The action of a command with the arguments `[target] [id]`. */
export function oneOrMany<Options extends ServerOptions>(
  { one, many }: OneOrMany<Options>,
  io: CommandIO,
): (target: string | undefined, id: string | undefined, options: Options) => Promise<void> {
  return async (target, id, options) => {
    const client = createClient(io, options);
    if (target === undefined || id === undefined) return await many(client, target, options, io);
    const path = `/deliveries/${encodeURIComponent(target)}/${encodeURIComponent(id)}`;
    await one(client, path, options, io);
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
