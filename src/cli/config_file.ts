import { ConfigError, type ConfigIssue, type HooksConfig } from "../config/mod.ts";
import { loadConfig } from "../config/yaml.ts";
import { CommandError } from "./command_error.ts";
import type { CommandIO } from "./io.ts";
import { fileFault } from "./read_input.ts";
import { hasColours } from "./style.ts";

/** The file that is read when none is named, if it is there. */
export const DEFAULT_CONFIG = "hooks.yaml";

/** A configuration, and the file that it stands in. */
export type ConfigFile = { readonly path: string; readonly config: HooksConfig };

/**
 * The configuration of a file; without a name that of `hooks.yaml`, and undefined when that is not
 * there.
 *
 * @throws {ConfigError} with every fault of it
 * @throws {CommandError} when it can't be read
 */
export async function readConfigFile(
  io: CommandIO,
  named: string | undefined,
  env: (name: string) => string | undefined,
  onWarning?: (warning: ConfigIssue) => void,
): Promise<ConfigFile | undefined> {
  const path = named ?? DEFAULT_CONFIG;
  let bytes: Uint8Array;
  try {
    bytes = await io.readFile(path);
  } catch (error) {
    const { code } = error as { readonly code?: string };
    if (named === undefined && code === "ENOENT") return undefined;
    throw new CommandError(`Cannot read the configuration ${path}: ${fileFault(error)}`);
  }
  return { path, config: loadConfig(bytes, { env, file: path, onWarning }) };
}

/** A fault of a configuration in the words that the user sees; every other error as it is. */
export function configFault(error: unknown, io: CommandIO): unknown {
  if (!(error instanceof ConfigError)) return error;
  return new CommandError(error.report({ color: hasColours(io, io.stderr) }));
}
