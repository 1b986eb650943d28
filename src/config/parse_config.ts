import { checkFunctions, invalidOption } from "../internal/validate.ts";
import { checkKnown } from "../internal/options.ts";
import { CLAUDE_CODE_HOOKS } from "../dialects/claude_code_gate.ts";
import { findContentTypeIssue } from "../webhook/request_rules.ts";
import type { ConfigEnv, ConfigOptions, GateConfig, HooksConfig, WebhookConfig } from "./config.ts";
import { ConfigError, formatIssue, type Issue, limitIssues } from "./config_error.ts";
import { type ConfigFile, fileSchema, type HooksSection, type SharedFields } from "./fields.ts";
import { filterPathInFile, findFilterWarnings, findMisspelledType } from "./filter.ts";
import { Reader } from "./read.ts";

/**
 * Checks a configuration that any parser has read, and expands its variables. `loadConfig` of
 * `./config/yaml` does the same for text, and its issues have lines.
 *
 * ```ts
 * import { createHooks } from "@omniagent/hooks";
 * import { hooksFromConfig, parseConfig } from "@omniagent/hooks/config";
 *
 * const config = parseConfig({
 *   hooks: {
 *     webhooks: [{ name: "audit", events: ["tool.*"], url: "https://${HOST}/events", timeout: "5s" }],
 *   },
 * }, { env: { HOST: "audit.example.com" } });
 * console.log(config.webhooks[0]?.timeout); // 5000
 * const hooks = createHooks({ use: hooksFromConfig(config) });
 * await hooks.close();
 * ```
 *
 * @throws {ConfigError} with every issue, in the order of the value's keys; those that concern several
 *   fields come last
 * @throws {TypeError} when the options are invalid
 */
export function parseConfig(value: unknown, options: ConfigOptions): HooksConfig {
  checkOptions("Cannot parse configuration", options);
  const { config, issues, warnings } = checkConfig(value, options.env);
  for (const warning of warnings) options.onWarning?.(formatIssue(warning));
  if (issues.length === 0) return config;
  throw new ConfigError(limitIssues(issues).map(formatIssue), options.file);
}

/** Checks the options of `parseConfig` and `loadConfig`. */
export function checkOptions(subject: string, options: ConfigOptions): void {
  checkKnown(subject, options, ["env", "file", "onWarning"]);
  const { env, file } = options;
  if (env === null || !/^(function|object)$/.test(typeof env)) {
    throw invalidOption(subject, "env", env, "a function or an object of variables");
  }
  checkFunctions(subject, options, [], ["onWarning"]);
  if (file !== undefined && typeof file !== "string") {
    throw invalidOption(subject, "file", file, "a string");
  }
}

/** The result of a check. `config` and `warnings` are complete only if there are no issues. */
interface Checked {
  readonly config: HooksConfig;
  readonly issues: readonly Issue[];
  /** Settings that are valid but can't be intended. */
  readonly warnings: readonly Issue[];
}

/** Checks a parsed file. Without `env`, strings are literal: `${NAME}` isn't expanded. */
export function checkConfig(value: unknown, env: ConfigEnv | null): Checked {
  const reader = new Reader(env);
  if (value === null) {
    const hint = "write {} for an empty configuration";
    reader.add({ code: "invalid_type", problem: "is empty", hint });
  }
  const read = () => value === null ? undefined : reader.read(value, fileSchema);
  const file = (reader.guard(read) ?? {}) as ConfigFile;
  const crossed = [...checkContentTypes(file.hooks), ...checkGates(file)];
  for (const issue of crossed) reader.add(issue, ...issue.path);
  const { issues } = reader;
  if (issues.length > 0) return { config: merge({}), issues, warnings: [] };
  const config = merge(file);
  return { config, issues, warnings: findWarnings(file, config) };
}

/** Checks the `content-type` and the format of each webhook, both of which may come from the defaults. */
function checkContentTypes({ defaults = {}, webhooks = [] }: HooksSection = {}): Issue[] {
  return webhooks.flatMap((webhook, i): Issue[] => {
    if (webhook === undefined) return []; // it has an issue itself
    const format = "format" in webhook
      ? webhook.format
      : "format" in defaults
      ? defaults.format
      : "native";
    if (format === undefined) return []; // it has an issue itself
    const own = contentTypeOf(webhook);
    const [name, value] = own ?? contentTypeOf(defaults) ?? [];
    const problem = value === undefined ? undefined : findContentTypeIssue(value, format);
    if (name === undefined || problem === undefined) return [];
    const parent = own ? ["hooks", "webhooks", i] : ["hooks", "defaults"];
    return [{
      code: format === "native" ? "invalid_value" : "conflict",
      path: [...parent, "headers", name],
      problem: own ? problem : `${problem}, for webhook ${webhook.name ?? i}`,
      on: "key",
    }];
  });
}

function contentTypeOf({ headers = {} }: SharedFields): readonly [string, string] | undefined {
  return Object.entries(headers).find(([name]) => name.toLowerCase() === "content-type");
}

type GateIssue = Pick<Issue, "code" | "problem"> & {
  /** The field. */
  readonly at: readonly (string | number)[];
  readonly on?: Issue["on"];
};

/** Returns what is wrong with fields of gates that depend on one another. */
function checkGates({ hooks }: ConfigFile): readonly Issue[] {
  return (hooks?.gates ?? []).flatMap((gate, i) => {
    const issues = gate ? [...checkFormat(gate), ...checkVerification(gate)] : []; // or it has an issue itself
    return issues.map(({ at, ...issue }) => ({ ...issue, path: ["hooks", "gates", i, ...at] }));
  });
}

function checkFormat({ format, events = [], headers = {} }: GateConfig): readonly GateIssue[] {
  const issues: GateIssue[] = [];
  const type = contentTypeOf({ headers });
  const problem = type && findContentTypeIssue(type[1], format ?? "native");
  if (problem !== undefined) {
    const code = format === "claude-code" ? "conflict" : "invalid_value";
    issues.push({ code, problem, at: ["headers", type![0]], on: "key" });
  }
  if (format !== "claude-code") return issues;
  const known = Object.keys(CLAUDE_CODE_HOOKS);
  for (const [i, pattern] of events.entries()) {
    if (pattern === undefined || known.includes(pattern)) continue;
    const problem = `can't be sent in the format claude-code: use only ${known.join(", ")}`;
    issues.push({ code: "conflict", problem, at: ["events", i] });
  }
  return issues;
}

function checkVerification(gate: GateConfig): readonly GateIssue[] {
  const { verifyResponse, responseSecrets, secret, secrets = [] } = gate;
  if (responseSecrets !== undefined && verifyResponse !== true) {
    const problem = "needs verify_response: true";
    return [{ code: "conflict", problem, at: ["response_secrets"], on: "key" }];
  }
  // A field with an issue of its own is undefined.
  if (verifyResponse !== true || "responseSecrets" in gate) return [];
  const given = [...secret === undefined ? [] : [secret], ...secrets];
  const isUnread = ("secret" in gate || "secrets" in gate) && given.length === 0;
  if (isUnread || given.some((one) => one === undefined || one.startsWith("whsec_"))) return [];
  const problem = "needs a whsec_ secret, or the receiver's public key in response_secrets";
  return [{ code: "conflict", problem, at: ["verify_response"], on: "key" }];
}

function merge(
  { hooks = {}, gates: gateOptions = {}, storage = {}, retention = {}, server = {} }: ConfigFile,
): HooksConfig {
  const { defaults = {}, webhooks = [], gates = [] } = hooks;
  return {
    webhooks: webhooks.map((webhook) => withDefaults(webhook, defaults)),
    gates,
    gateOptions,
    storage,
    retention,
    server: { tokens: [], ...server },
  };
}

/** Adds the defaults to a webhook. Its own `secret` or `secrets` replaces both. */
function withDefaults(webhook: WebhookConfig, defaults: SharedFields): WebhookConfig {
  const { secret: _, secrets: __, ...unsigned } = defaults;
  const isSigned = webhook.secret !== undefined || webhook.secrets !== undefined;
  const headers = defaults.headers && webhook.headers &&
    { headers: mergeHeaders(defaults.headers, webhook.headers) };
  return { ...isSigned ? unsigned : defaults, ...webhook, ...headers };
}

type Headers = NonNullable<WebhookConfig["headers"]>;

/** Merges headers, whose names are case-insensitive. */
function mergeHeaders(shared: Headers, own: Headers): Headers {
  const names = new Set(Object.keys(own).map((name) => name.toLowerCase()));
  const others = Object.entries(shared).filter(([name]) => !names.has(name.toLowerCase()));
  return Object.fromEntries([...others, ...Object.entries(own)]);
}

/** Returns a warning for each filter and event type that can't be intended, at the place where it is written. */
function findWarnings(
  { hooks = {} }: ConfigFile,
  { webhooks, gates }: HooksConfig,
): readonly Issue[] {
  const warningsAt = (
    parent: readonly (string | number)[],
    target: WebhookConfig | GateConfig,
    hint?: string,
  ): readonly Issue[] =>
    findFilterWarnings(target).map(({ key, ...warning }): Issue => ({
      ...warning,
      code: "never_matches",
      path: [...parent, "filter", filterPathInFile(key)],
      hint,
    }));
  const misspelled = (
    list: "webhooks" | "gates",
    targets: readonly (WebhookConfig | GateConfig)[],
  ) =>
    targets.flatMap(({ events }, i) =>
      events.flatMap((type, j): readonly Issue[] => {
        const warning = findMisspelledType(type);
        const path = ["hooks", list, i, "events", j];
        return warning === undefined ? [] : [{ ...warning, code: "never_matches", path }];
      })
    );
  return [
    ...misspelled("webhooks", webhooks),
    ...misspelled("gates", gates),
    ...webhooks.flatMap((webhook, i) => {
      const isOwn = hooks.webhooks?.[i]?.filter !== undefined;
      return isOwn
        ? warningsAt(["hooks", "webhooks", i], webhook)
        : warningsAt(["hooks", "defaults"], webhook, `for webhook ${webhook.name}`);
    }),
    ...gates.flatMap((gate, i) => warningsAt(["hooks", "gates", i], gate)),
  ];
}
