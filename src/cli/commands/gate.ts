import { Argument, type Command, InvalidArgumentError, Option } from "commander";
import { joinBytes } from "../../internal/bytes.ts";
import { decodeUtf8, findDuplicateKey } from "../../internal/json_text.ts";
import { isObject } from "../../internal/validate.ts";
import { connect } from "../client.ts";
import { CommandError } from "../errors.ts";
import type { CommandIO } from "../io.ts";
import { printable } from "../output.ts";

/** The dialects. Only a failure loads the module. */
const DIALECTS = ["claude-code", "copilot", "codex", "gemini", "cursor"];

/** How long a call may take, in seconds: half of the 30 s after which Copilot ends a hook and runs the tool. */
const TIMEOUT = 15;

/** Largest input, in bytes: far more than a server reads by default. */
const MAX_INPUT = 16 * 1024 * 1024;

type Options = {
  readonly dialect?: string;
  readonly url?: string;
  readonly tokenEnv: string;
  readonly timeout: number;
  readonly approve?: true;
  readonly ask?: "agent" | "wait";
};

type SettingsOptions = Pick<Options, "url" | "tokenEnv"> & { readonly command?: true };

/** Defines `hooks gate`: the hook of an agent that runs commands. */
export function define(command: Command, io: CommandIO): void {
  command.enablePositionalOptions(); // or it would take those of `settings`
  defineGate(command, io);
  defineSettings(command.command("settings"), io);
}

function defineGate(command: Command, io: CommandIO): void {
  command
    .addOption(
      new Option("--dialect <agent>", "coding agent that runs this hook").choices(DIALECTS),
    )
    .option("-u, --url <url>", "server URL [HOOKS_URL] (default: http://127.0.0.1:8787)")
    .option("--token-env <name>", "environment variable with the bearer token", "HOOKS_TOKEN")
    .option("--timeout <seconds>", "deny if there is no decision by then", parseSeconds, TIMEOUT)
    .option("--approve", "when gates allow, skip the agent's own permission prompt")
    .addOption(
      new Option("--ask <who>", "who responds when a gate asks").choices(["agent", "wait"])
        .default("agent"),
    )
    .addHelpText(
      "after",
      `
Reads the hook's JSON from stdin, and prints the server's response. Without a
response, denies the pending action: exits with 2 and prints the reason to
stderr, or prints a denial if the agent ignores exit codes.

\`hooks gate settings <agent>\` prints the settings that call this command.

Examples:
  hooks gate settings claude-code
  hooks gate --dialect codex <input.json
`,
    )
    .action(async ({ dialect, ...options }: Options) => {
      if (dialect === undefined) {
        throw new CommandError("Cannot decide: --dialect is missing", [
          `Pass the agent whose hook this is: ${DIALECTS.join(", ")}`,
        ], 2);
      }
      await gate({ ...options, dialect }, io);
    });
}

function defineSettings(command: Command, io: CommandIO): void {
  command
    .summary("print the hook settings for a coding agent")
    .description("Print the hook settings for a coding agent.")
    .addArgument(new Argument("<agent>", "the agent").choices(DIALECTS))
    .option("-u, --url <url>", "server URL [HOOKS_URL] (default: http://127.0.0.1:8787)")
    .option("--token-env <name>", "environment variable with the bearer token", "HOOKS_TOKEN")
    .option("--command", "use `hooks gate` instead of HTTP (claude-code)")
    .addHelpText(
      "after",
      `
The settings contain the name of the token's variable, never the token itself.

Examples:
  hooks gate settings claude-code   # merge it into .claude/settings.local.json
  hooks gate settings copilot --url https://hooks.example.com >.github/hooks/gate.json
`,
    )
    .action(async (agent: string, options: SettingsOptions) => {
      const { settingsFor } = await import("../gate_settings.ts");
      const url = options.url ?? (io.env("HOOKS_URL") || "http://127.0.0.1:8787");
      const { text, place } = settingsFor(agent, { ...options, url: url.replace(/\/$/, "") });
      io.stdout.write(`${text}\n`);
      io.stderr.write(`${place}\n`);
    });
}

/** Options with a dialect. */
type Call = Options & { readonly dialect: string };

async function gate(options: Call, io: CommandIO): Promise<void> {
  const { dialect, timeout } = options;
  const ended = new AbortController();
  let input: string | undefined;
  const work = async (): Promise<string> => {
    const bytes = await readInput(io);
    input = new TextDecoder().decode(bytes);
    // Gates would judge other characters than those that the agent uses.
    if (decodeUtf8(bytes) === undefined) throw new CommandError("the input is not valid UTF-8");
    return await decide(input, options, ended.signal, io);
  };
  const late = async (): Promise<never> => {
    await io.sleep(timeout * 1000, ended.signal);
    throw new CommandError(`No decision within ${timeout} s`);
  };
  const stopped = stopSignal(io);
  try {
    io.stdout.write(`${await Promise.race([work(), late(), stopped.received])}\n`);
  } catch (error) {
    const reason = error instanceof CommandError ? error.message : "the command failed";
    await respondToFailure(dialect, input, `The gates could not decide: ${reason}`, io);
  } finally {
    ended.abort();
    stopped.release();
  }
}

/** Rejects on a signal that would end the process without a response, which is no opinion for most agents. */
function stopSignal(io: CommandIO): { readonly received: Promise<never>; release(): void } {
  let reject!: (error: CommandError) => void;
  const received = new Promise<never>((_, rejectPromise) => reject = rejectPromise);
  received.catch(() => {}); // it may reject after the race
  const releases = (["SIGINT", "SIGTERM", "SIGHUP"] as const).map((signal) =>
    io.onSignal(signal, () => reject(new CommandError(`the command was stopped by ${signal}`)))
  );
  return { received, release: () => releases.forEach((release) => release()) };
}

/** Returns the response of the server. @throws {CommandError} when it sends none */
async function decide(
  text: string,
  { dialect, url, tokenEnv, approve, ask }: Call,
  signal: AbortSignal,
  io: CommandIO,
): Promise<string> {
  const token = io.env(tokenEnv);
  if (!token) throw new CommandError(`the environment variable ${tokenEnv} has no token`);
  const { client } = connect({ token, ...(url !== undefined && { url }) }, io);
  const query = { approve: approve ? "true" : undefined, ask };
  const response = await client.fetch(`/gates/${dialect}`, { text, query, signal });
  if (response.headers.get("hooks-gate") !== dialect) {
    throw new CommandError(`the response of ${client.url} is not one of gates`);
  }
  const output: unknown = await response.json().catch(() => undefined);
  if (!isObject(output)) {
    throw new CommandError(`the response of ${client.url} was cut off`);
  }
  return JSON.stringify(output);
}

/**
 * Responds to a hook without the server. Calls that wait for a decision are denied: with exit code 2, or with
 * a response where the agent ignores that. Hooks that only record, and the end of an agent, continue.
 *
 * @param text What the agent sent, if it could be read
 * @throws {CommandError} with the exit code
 */
async function respondToFailure(
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
    // If a key occurs twice, the agent may mean another hook than the one that JSON.parse finds.
    return findDuplicateKey(text) === undefined ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

async function readInput(io: CommandIO): Promise<Uint8Array> {
  if (io.stdin.isTerminal) {
    throw new CommandError("there is no input: pipe the JSON of a hook to stdin");
  }
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of io.stdin.read()) {
    size += part.length;
    if (size > MAX_INPUT) throw new CommandError(`the input has more than ${MAX_INPUT} bytes`);
    parts.push(part.slice()); // the buffer may be reused
  }
  return joinBytes(parts);
}

function parseSeconds(text: string): number {
  const seconds = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (seconds > 0 && seconds <= 86_400) return seconds;
  throw new InvalidArgumentError("Must be a number of seconds, at most 86400.");
}
