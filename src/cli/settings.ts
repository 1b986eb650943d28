import {
  ConfigError,
  type ConfigIssue,
  type HooksConfig,
  type RetentionConfig,
  type StorageConfig,
  type TokenConfig,
} from "../config/mod.ts";
import { loadConfig } from "../config/yaml.ts";
import { describePadding } from "../internal/options.ts";
import { TOKEN_PATTERN, TOKEN_RULE } from "../internal/validate.ts";
import { CommandError } from "./errors.ts";
import { isLoopback } from "./http_server.ts";
import { fileError, readEnv } from "./input.ts";
import type { CommandIO } from "./io.ts";
import { hasColors } from "./output.ts";
import { parseStoreLocation } from "./store/open.ts";

/** The configuration file that is read by default, if it exists. */
export const DEFAULT_CONFIG = "hooks.yaml";

/** The options of `hooks serve` that override the configuration. */
export type ServeOptions = {
  readonly envFile?: string;
  readonly host?: string;
  readonly port?: number;
  readonly store?: string;
};

/** The settings of `hooks serve`. */
export type Settings = {
  /** The path of the configuration file, if there is one. */
  readonly file: string | undefined;
  readonly host: string;
  readonly port: number;
  /** A file, `:memory:`, a PostgreSQL URL, or a KV Connect URL; maybe after `sqlite:` or `kv:`. */
  readonly store: string;
  readonly retention: RetentionConfig;
  readonly webhooks: HooksConfig["webhooks"];
  readonly gates: HooksConfig["gates"];
  readonly gateOptions: HooksConfig["gateOptions"];
  readonly tokens: readonly TokenConfig[];
  /** CloudEvents senders that may ask to deliver, and the rate they are granted. */
  readonly webhookOrigins?: readonly string[] | undefined;
  readonly webhookRate?: number | undefined;
  /** Signs links that respond to asks. */
  readonly approvalKey?: string | undefined;
  /** Who responds when a gate asks about a call of another agent. */
  readonly ask?: "agent" | "wait" | undefined;
  /** Whether posted agent events are validated. */
  readonly validate?: boolean | undefined;
  /** Addresses that stored webhooks may use besides public ones. */
  readonly allowAddresses: readonly string[];
  /** Keys of stored webhooks: the first one seals, all open. Empty if webhooks can't be stored. */
  readonly encryptionKeys: readonly string[];
  /** The token, if it was generated, so the user doesn't know it. */
  readonly generatedToken: string | undefined;
};

/**
 * Merges command line, configuration file and defaults, in this order. If the file has no tokens, the only
 * token is `HOOKS_TOKEN` or `generatedToken`.
 *
 * @throws {ConfigError | CommandError} when they are invalid
 */
export async function readSettings(
  io: CommandIO,
  path: string | undefined,
  options: ServeOptions,
  generatedToken: string,
): Promise<Settings> {
  const env = await readEnv(io, options.envFile);
  const found = await readConfigFile(io, path, env);
  const { webhooks = [], gates = [], gateOptions = {}, storage, retention = {}, server } =
    found?.config ?? {};
  const host = options.host ?? server?.host ?? "127.0.0.1";
  const store = options.store ?? storeOf(storage) ?? "hooks.db";
  parseStoreLocation(store);
  const tokens = server?.tokens ?? [];
  const envToken = env("HOOKS_TOKEN") || undefined;
  const hasTokens = tokens.length > 0;
  if (!hasTokens) checkEnvToken(envToken, host);
  return {
    file: found?.path,
    host,
    port: options.port ?? server?.port ?? 8787,
    store,
    retention,
    webhooks,
    gates,
    gateOptions,
    tokens: hasTokens ? tokens : [
      { name: "admin", token: envToken ?? generatedToken, scopes: ["emit", "read", "admin"] },
    ],
    webhookOrigins: server?.webhookOrigins,
    webhookRate: server?.webhookRate,
    approvalKey: server?.approvalKey,
    ask: server?.ask,
    validate: server?.validate,
    allowAddresses: server?.allowAddresses ?? [],
    encryptionKeys: readEncryptionKeys(env("HOOKS_ENCRYPTION_KEY")),
    generatedToken: hasTokens || envToken !== undefined ? undefined : generatedToken,
  };
}

/** Returns the store of the configuration in the form of `--store`. */
function storeOf({ path, sqlite, kv, postgres }: StorageConfig = {}): string | undefined {
  if (sqlite !== undefined) return `sqlite:${sqlite}`;
  if (kv !== undefined) return `kv:${kv}`;
  return postgres ?? path;
}

/** Base64 of 32 bytes. */
const ENCRYPTION_KEY = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

function readEncryptionKeys(text = ""): readonly string[] {
  const keys = text.split(",").map((key) => key.trim()).filter((key) => key !== "");
  if (keys.every((key) => ENCRYPTION_KEY.test(key))) return keys;
  throw new CommandError(
    "Cannot use HOOKS_ENCRYPTION_KEY: it must be base64 of 32 bytes, or several with commas between",
    ["Create one with `openssl rand -base64 32`"],
    2,
  );
}

function checkEnvToken(token: string | undefined, host: string): void {
  if (token === undefined && !isLoopback(host)) {
    throw new CommandError(`Cannot serve on ${host} without tokens: other machines can reach it`, [
      "Set HOOKS_TOKEN, or list tokens under server.tokens in the configuration",
    ], 2);
  }
  if (token !== undefined && !TOKEN_PATTERN.test(token)) {
    const padding = describePadding(token);
    throw new CommandError(
      `Cannot use HOOKS_TOKEN: ${padding ?? `it must be ${TOKEN_RULE}`}`,
      [],
      2,
    );
  }
}

/**
 * Reads a configuration file. If none is named, reads `hooks.yaml`, or returns undefined when that
 * doesn't exist.
 *
 * @throws {ConfigError} with every issue
 * @throws {CommandError} when the file can't be read
 */
export async function readConfigFile(
  io: CommandIO,
  path: string | undefined,
  env: (name: string) => string | undefined,
  onWarning?: (warning: ConfigIssue) => void,
): Promise<{ readonly path: string; readonly config: HooksConfig } | undefined> {
  const file = path ?? DEFAULT_CONFIG;
  let bytes: Uint8Array;
  try {
    bytes = await io.readFile(file);
  } catch (error) {
    const { code } = error as { readonly code?: string };
    if (path === undefined && code === "ENOENT") return undefined;
    throw new CommandError(`Cannot read the configuration ${file}: ${fileError(error)}`);
  }
  return { path: file, config: loadConfig(bytes, { env, file, onWarning }) };
}

/** Turns a `ConfigError` into the report that users see; returns other errors as they are. */
export function toCommandError(error: unknown, io: CommandIO): unknown {
  if (!(error instanceof ConfigError)) return error;
  return new CommandError(error.report({ color: hasColors(io, io.stderr) }));
}
