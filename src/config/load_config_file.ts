import { inspect } from "../internal/validate.ts";
import { checkOptions } from "./_check_config.ts";
import { decode, MAX_LENGTH, tooLarge, unreadable } from "./_decode.ts";
import type { Fault } from "./_reader.ts";
import { printable, toIssue } from "./_report.ts";
import type { ConfigOptions, HooksConfig } from "./config.ts";
import { ConfigError } from "./config_error.ts";
import { loadConfig } from "./load_config.ts";

/** The part of `node:fs/promises` that is used. */
interface Files {
  open(path: string | URL): Promise<{
    read(
      buffer: Uint8Array,
      offset: number,
      length: number,
    ): Promise<{ readonly bytesRead: number }>;
    close(): Promise<void>;
  }>;
}

/**
 * Reads a configuration from a file: what `loadConfig` does, on Deno, Bun and Node.
 *
 * @param path The file, which is also what it is called in messages unless `file` says otherwise
 * @throws {ConfigError} when the file can't be read, or as `loadConfig` does
 * @throws {TypeError} when an argument is ill-formed
 */
export async function loadConfigFile(
  path: string | URL,
  options: ConfigOptions,
): Promise<HooksConfig> {
  const subject = "Cannot load a configuration file";
  if (!(path instanceof URL) && (typeof path !== "string" || path === "")) {
    throw new TypeError(
      `${subject} as its path must be text or a URL: current value is ${inspect(path)}`,
    );
  }
  checkOptions(subject, options);
  const file = options.file ?? String(path);
  const bytes = await readBytes(path);
  const text = bytes instanceof Uint8Array ? decode(bytes) : bytes;
  if (typeof text !== "string") throw new ConfigError([toIssue(text)], file);
  return loadConfig(text, { ...options, file });
}

/** A file, read no further than is accepted: it may be a device that never ends. */
async function readBytes(path: string | URL): Promise<Uint8Array | Fault> {
  const buffer = new Uint8Array(MAX_LENGTH + 1);
  let length = 0;
  try {
    const handle = await (await files()).open(path);
    try {
      for (let read = -1; read !== 0 && length < buffer.length; length += read) {
        read = (await handle.read(buffer, length, buffer.length - length)).bytesRead;
      }
    } finally {
      await handle.close();
    }
  } catch (error) {
    return unreadable(reasonOf(error));
  }
  return length > MAX_LENGTH ? tooLarge() : buffer.subarray(0, length);
}

/** The name is a parameter to keep it from bundlers, which else want it when they build for the edge. */
function files(id: string = "node:fs/promises"): Promise<Files> {
  return import(id);
}

/** What systems say, in words. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "is not there",
  EISDIR: "is a directory",
  EACCES: "can't be read: permission denied",
  EPERM: "can't be read: permission denied",
  ENOTDIR: "is not there: a part of its path is a file",
};

function reasonOf(error: unknown): string {
  const { code = "", message = "" } = error as {
    readonly code?: string;
    readonly message?: string;
  };
  if (Object.hasOwn(REASONS, code)) return REASONS[code]!;
  return `can't be read: ${printable(message.split("\n", 1)[0]!)}`;
}
