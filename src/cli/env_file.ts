import { CommandError } from "./command_error.ts";
import type { CommandIO } from "./io.ts";
import { readText } from "./read_input.ts";

/** An environment: what a file adds, below what the process has. */
export async function withEnvFile(
  io: CommandIO,
  path: string | undefined,
): Promise<(name: string) => string | undefined> {
  if (path === undefined) return (name) => io.env(name);
  const text = await readText(io, path, "the environment");
  const variables = await parseVariables(text, path);
  return (name) => io.env(name) ?? variables.get(name);
}

/** Reads what `node --env-file` reads: values of several lines, names such as `A-B`, quotes, comments. */
async function parseVariables(text: string, path: string): Promise<ReadonlyMap<string, string>> {
  const { parseEnv } = await import("node:util");
  if (typeof parseEnv === "function") return new Map(Object.entries(parseEnv(text)) as never);
  throw new CommandError(`Cannot read ${path}: this version of Node.js has no parser for it`, [
    "Use Node.js 20.12 or newer, or set the variables without --env-file",
  ], 2);
}
