import type { HooksConfig, RetentionConfig, TokenConfig } from "../../config/mod.ts";
import { describePadding } from "../../internal/options.ts";
import { TOKEN_PATTERN, TOKEN_RULE } from "../../internal/validate.ts";
import { CommandError } from "../command_error.ts";
import { readConfigFile } from "../config_file.ts";
import { withEnvFile } from "../env_file.ts";
import { findUrlProblem } from "../../webhook/request_rules.ts";
import type { CommandIO } from "../io.ts";
import { isLoopback } from "../listening.ts";

/** What `hooks serve` was told on its command line. */
export type ServeOptions = {
  readonly envFile?: string;
  readonly host?: string;
  readonly port?: number;
  readonly store?: string;
};

/** What `hooks serve` works with. */
export type Settings = {
  /** The configuration file, when there is one. */
  readonly file: string | undefined;
  readonly host: string;
  readonly port: number;
  /** The path of the store. */
  readonly store: string;
  readonly retention: RetentionConfig;
  readonly webhooks: HooksConfig["webhooks"];
  readonly tokens: readonly TokenConfig[];
  /** CloudEvents senders that may request delivery, and the rate they are given. */
  readonly webhookOrigins?: readonly string[] | undefined;
  readonly webhookRate?: number | undefined;
  /** Whether posted agent events are validated. */
  readonly validate?: boolean | undefined;
  /** The one token, when it was made here: nobody else knows it. */
  readonly generated: string | undefined;
};

const NOTHING: HooksConfig = {
  webhooks: [],
  storage: {},
  retention: {},
  server: { tokens: [] },
};

/**
 * The settings of command line, file and defaults, in this order. Without tokens in the file there is
 * one, that of `HOOKS_TOKEN` or `generated`.
 *
 * @throws {ConfigError | CommandError} when they can't be used
 */
export async function readSettings(
  io: CommandIO,
  path: string | undefined,
  options: ServeOptions,
  generated: string,
): Promise<Settings> {
  const env = await withEnvFile(io, options.envFile);
  const found = await readConfigFile(io, path, env);
  const { webhooks, storage, retention, server } = found?.config ?? NOTHING;
  if (options.store !== undefined) checkStore(options.store);
  const host = options.host ?? server.host ?? "127.0.0.1";
  const given = env("HOOKS_TOKEN") || undefined;
  if (server.tokens.length === 0) checkOwnToken(given, host);
  const own = server.tokens.length === 0;
  return {
    file: found?.path,
    host,
    port: options.port ?? server.port ?? 8787,
    store: options.store ?? storage.path ?? "hooks.db",
    retention,
    webhooks,
    tokens: own
      ? [{ name: "admin", token: given ?? generated, scopes: ["emit", "read", "admin"] }]
      : server.tokens,
    webhookOrigins: server.webhookOrigins,
    webhookRate: server.webhookRate,
    validate: server.validate,
    generated: own && given === undefined ? generated : undefined,
  };
}

/** A path is not looked at: only the URL of a KV Connect server can be one that fetch blocks. */
function checkStore(store: string): void {
  const url = /^https?:/i.test(store) && URL.canParse(store) ? new URL(store) : undefined;
  const problem = url && findUrlProblem(url);
  if (problem) throw new CommandError(`Cannot use the store's URL: it ${problem}`, [], 2);
}

function checkOwnToken(given: string | undefined, host: string): void {
  if (given === undefined && !isLoopback(host)) {
    throw new CommandError(`Cannot serve on ${host} without tokens, as others can reach it there`, [
      "Give HOOKS_TOKEN, or list tokens under server.tokens of the configuration",
    ], 2);
  }
  if (given !== undefined && !TOKEN_PATTERN.test(given)) {
    throw new CommandError(
      `Cannot use HOOKS_TOKEN as it must be ${TOKEN_RULE}: ${
        describePadding(given) ?? "current value is text that is not shown"
      }`,
      [],
      2,
    );
  }
}
