import { CommandError } from "../errors.ts";
import type { CommandIO } from "../io.ts";
import { printable } from "../output.ts";

/**
 * Responds to a hook without the server. What waits for a decision is denied: by exit code 2, or by a
 * response where the agent ignores that. What is only recorded, and an agent that ends, goes on.
 *
 * @param text What the agent sent, if it could be read
 * @throws {CommandError} with the exit code
 */
export async function respondToFailure(
  name: string,
  text: string | undefined,
  reason: string,
  io: CommandIO,
): Promise<void> {
  const { decidedEvent, dialects } = await import("../../dialects/mod.ts");
  const dialect = dialects.find((dialect) => dialect.name === name)!;
  const input = parse(text);
  const call = dialect.decode(input);
  const message = printable(reason);
  if ("invalid" in call) throw new CommandError(message, [], 2);
  const event = decidedEvent(call);
  if (event === undefined || event.type === "agent.end") throw new CommandError(message, [], 1);
  if (dialect.exits(call.hook)) throw new CommandError(message, [], 2);
  io.stdout.write(`${JSON.stringify(dialect.fail(input, reason))}\n`);
  io.stderr.write(`${message}\n`);
}

function parse(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
