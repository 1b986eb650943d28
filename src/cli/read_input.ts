import { joinBytes } from "../internal/bytes.ts";
import { CommandError } from "./command_error.ts";
import type { CommandIO } from "./io.ts";

const LINE_FEED = 10;

/** The text of a file, or a fault in the user's words. `what` names it: "the data". */
export async function readText(io: CommandIO, path: string, what: string): Promise<string> {
  const bytes = await io.readFile(path).catch((error) => {
    throw new CommandError(`Cannot read ${what} from ${path}: ${fileFault(error)}`);
  });
  return decode(bytes, what);
}

/** Everything that is piped in. */
export async function readInput(io: CommandIO, what: string): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of io.stdin.read()) parts.push(part);
  return decode(joinBytes(parts), what);
}

/** The lines that are piped in, as they come. */
export async function* readLines(io: CommandIO): AsyncIterable<string> {
  let number = 0;
  let begun: Uint8Array[] = [];
  const line = (end: Uint8Array): string => {
    const text = decode(joinBytes([...begun, end]), `line ${++number}`);
    begun = [];
    return text;
  };
  for await (const part of io.stdin.read()) {
    let from = 0;
    for (let at = part.indexOf(LINE_FEED); at >= 0; at = part.indexOf(LINE_FEED, from)) {
      yield line(part.subarray(from, at));
      from = at + 1;
    }
    begun.push(part.slice(from)); // a copy, as the part may be written over
  }
  yield line(new Uint8Array());
}

function decode(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new CommandError(`Cannot read ${what} as it is not UTF-8`);
  }
}

/** Why a file could not be read. */
export function fileFault(error: unknown): string {
  const { code, message } = error as { readonly code?: string; readonly message: string };
  switch (code) {
    case "ENOENT":
      return "there is no such file";
    case "EISDIR":
      return "it is a folder";
    case "EACCES":
    case "EPERM":
      return "it may not be read";
    default:
      return message;
  }
}
