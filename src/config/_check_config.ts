import { checkKnown, show } from "../core/kit.ts";
import { type Fault, Reader, type Shown } from "./_reader.ts";
import { type ConfigFile, schema } from "./_schema.ts";
import type { SharedFields } from "./_webhook_schema.ts";
import type { ConfigEnv, ConfigOptions, HooksConfig, WebhookConfig } from "./config.ts";

/** Checks what a caller gave beside the configuration. */
export function checkOptions(subject: string, options: ConfigOptions): void {
  checkKnown(subject, options, ["env", "file"]);
  const { env, file } = options;
  if (env === null || !/^(function|object)$/.test(typeof env)) {
    throw new TypeError(
      `${subject} as 'env' must be a function or an object of variables: current value is ${
        show(env)
      }`,
    );
  }
  if (file !== undefined && typeof file !== "string") {
    throw new TypeError(`${subject} as 'file' must be a name: current value is ${show(file)}`);
  }
}

/** What came of a value: a configuration, worth something only without faults. */
export interface Checked {
  readonly config: HooksConfig;
  readonly faults: readonly Fault[];
  readonly shown: readonly Shown[];
}

const EMPTY = "for no configuration at all write {}";

/** Checks a parsed file. Throws nothing but what is wrong with its arguments. */
export function checkConfig(value: unknown, env: ConfigEnv): Checked {
  const reader = new Reader(env);
  if (value === null) reader.fault("invalid_type", { problem: "is empty", hint: EMPTY });
  const read = () => value === null ? undefined : schema.read(value, reader);
  const file: ConfigFile = reader.here(read) ?? {};
  const { faults, shown } = reader;
  return { config: faults.length > 0 ? merge({}) : merge(file), faults, shown };
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
