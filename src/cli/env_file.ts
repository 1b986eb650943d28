import { CommandError } from "./command_error.ts";
import type { CommandIO } from "./io.ts";
import { readText } from "./read_input.ts";

/** An environment: what a file adds, below what the process has. */
export async function withEnvFile(
  io: CommandIO,
  path: string | undefined,
): Promise<(name: string) => string | undefined> {
  if (path === undefined) return (name) => io.env(name);
  const variables = parseEnv(await readText(io, path, "the environment"), path);
  return (name) => io.env(name) ?? variables.get(name);
}

/**
 * Variables of a file: `NAME=value` a line, `#` before a comment, values in quotes or not. Between
 * double quotes `\n` is a line break; nothing else is replaced.
 */
export function parseEnv(text: string, path: string): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(?:#|$)/.test(line)) continue;
    const [, name, rest] = /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*)$/.exec(line) ?? [];
    const value = rest === undefined ? undefined : parseValue(rest);
    if (name === undefined || value === undefined) {
      // The line is not shown: it may hold a secret.
      throw new CommandError(`Cannot read ${path}:${index + 1} as it is not NAME=value`);
    }
    variables.set(name, value);
  }
  return variables;
}

function parseValue(rest: string): string | undefined {
  const comment = "\\s*(?:#.*)?$";
  const [, double] = new RegExp(`^"((?:[^"\\\\]|\\\\.)*)"${comment}`).exec(rest) ?? [];
  if (double !== undefined) {
    return double.replace(/\\(.)/g, (_, character) => character === "n" ? "\n" : character);
  }
  const [, single] = new RegExp(`^'([^']*)'${comment}`).exec(rest) ?? [];
  if (single !== undefined) return single;
  if (/^["']/.test(rest)) return undefined;
  return rest.replace(/\s+#.*$|^#.*$/, "").trim();
}
