import { checkFunctions, inspect } from "../internal/validate.ts";
import { checkKnown } from "../internal/options.ts";
import { findContentTypeProblem } from "../webhook/request_rules.ts";
import { findFilterWarnings } from "./_filter_warnings.ts";
import { type Fault, Reader, type Shown } from "./_reader.ts";
import { type ConfigFile, schema } from "./_schema.ts";
import type { SharedFields } from "./_webhook_schema.ts";
import type { ConfigEnv, ConfigOptions, HooksConfig, WebhookConfig } from "./config.ts";

/** Checks what a caller gave beside the configuration. */
export function checkOptions(subject: string, options: ConfigOptions): void {
  checkKnown(subject, options, ["env", "file", "onWarning"]);
  const { env, file } = options;
  if (env === null || !/^(function|object)$/.test(typeof env)) {
    throw new TypeError(
      `${subject} as 'env' must be a function or an object of variables: current value is ${
        inspect(env)
      }`,
    );
  }
  checkFunctions(subject, options, [], ["onWarning"]);
  if (file !== undefined && typeof file !== "string") {
    throw new TypeError(`${subject} as 'file' must be a name: current value is ${inspect(file)}`);
  }
}

/** What came of a value: a configuration, worth something only without faults. */
export interface Checked {
  readonly config: HooksConfig;
  readonly faults: readonly Fault[];
  readonly shown: readonly Shown[];
  /** Settings that are valid but can't be intended. Present only if there are no faults. */
  readonly warnings: readonly Fault[];
}

const EMPTY = "for no configuration at all write {}";

/** Checks a parsed file. Throws nothing but what is wrong with its arguments. */
export function checkConfig(value: unknown, env: ConfigEnv): Checked {
  const reader = new Reader(env);
  if (value === null) reader.fault("invalid_type", { problem: "is empty", hint: EMPTY });
  const read = () => value === null ? undefined : schema.read(value, reader);
  const file: ConfigFile = reader.here(read) ?? {};
  if (reader.faults.length === 0) checkContentTypes(file, reader);
  const { faults, shown } = reader;
  if (faults.length > 0) return { config: merge({}), faults, shown, warnings: [] };
  const config = merge(file);
  return { config, faults, shown, warnings: findWarnings(file, config) };
}

function merge({ hooks = {}, storage = {}, retention = {}, server = {} }: ConfigFile): HooksConfig {
  const { defaults = {}, webhooks = [] } = hooks;
  return {
    webhooks: webhooks.map((webhook) => withDefaults(webhook, defaults)),
    storage,
    retention,
    server: { tokens: [], ...server },
  };
}

/** Filters that never match, where they are written. */
function findWarnings({ hooks = {} }: ConfigFile, { webhooks }: HooksConfig): readonly Fault[] {
  return webhooks.flatMap((webhook, i) => {
    const own = hooks.webhooks?.[i]?.filter !== undefined;
    const place = own ? ["hooks", "webhooks", i] : ["hooks", "defaults"];
    return findFilterWarnings(webhook).map(({ key, ...warning }): Fault => ({
      ...warning,
      code: "never_matches",
      path: [...place, "filter", key === "sessionId" ? "session_id" : key],
      ...(own ? {} : { hint: `for webhook ${webhook.name}` }),
    }));
  });
}

/** The `content-type` of a webhook and its format, which may come from the defaults. */
function checkContentTypes({ hooks = {} }: ConfigFile, reader: Reader): void {
  const { defaults = {}, webhooks = [] } = hooks;
  webhooks.forEach((webhook, i) => {
    const { format = defaults.format ?? "native" } = webhook;
    const own = contentTypeOf(webhook);
    const name = own ?? contentTypeOf(defaults);
    if (name === undefined) return;
    const value = (own === undefined ? defaults : webhook).headers![name]!;
    const problem = findContentTypeProblem(value, format);
    if (problem === undefined) return;
    const path = own === undefined ? ["hooks", "defaults"] : ["hooks", "webhooks", i];
    const of = own === undefined ? ` for webhook ${webhook.name}` : "";
    const code = format === "native" ? "invalid_value" : "conflict";
    reader.fault(code, { path: [...path, "headers", name], problem: `${problem}${of}`, on: "key" });
  });
}

function contentTypeOf({ headers = {} }: Pick<WebhookConfig, "headers">): string | undefined {
  return Object.keys(headers).find((name) => name.toLowerCase() === "content-type");
}

function withDefaults(webhook: WebhookConfig, defaults: SharedFields): WebhookConfig {
  const { secret: _, secrets: __, ...others } = defaults;
  const signed = webhook.secret !== undefined || webhook.secrets !== undefined;
  const shared = signed ? others : defaults;
  const own = Object.keys(webhook);
  const inherited = Object.entries(shared).filter(([name]) => !own.includes(name));
  const headers = defaults.headers && webhook.headers &&
    { headers: mergeHeaders(defaults.headers, webhook.headers) };
  return { ...webhook, ...Object.fromEntries(inherited), ...headers };
}

/** Both, but one name in one spelling. */
function mergeHeaders(shared: Headers, own: Headers): Headers {
  const names = new Set(Object.keys(own).map((name) => name.toLowerCase()));
  const others = Object.entries(shared).filter(([name]) => !names.has(name.toLowerCase()));
  return Object.fromEntries([...others, ...Object.entries(own)]);
}

type Headers = NonNullable<WebhookConfig["headers"]>;
