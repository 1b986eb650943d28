import type { ConfigEnv, HooksConfig, WebhookConfig } from "./config.ts";
import { type Fault, Reader, type Shown } from "./_reader.ts";
import { type ConfigFile, schema } from "./_schema.ts";
import type { SharedFields } from "./_webhook_schema.ts";

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
  const { secret, secrets, ...others } = defaults;
  const signed = webhook.secret !== undefined || webhook.secrets !== undefined;
  const headers = { ...defaults.headers };
  for (const name of Object.keys(webhook.headers ?? {})) {
    for (const other of Object.keys(headers)) {
      if (other.toLowerCase() === name.toLowerCase()) delete headers[other];
    }
  }
  return {
    ...others,
    ...(!signed && secret !== undefined && { secret }),
    ...(!signed && secrets !== undefined && { secrets }),
    ...webhook,
    ...((defaults.headers || webhook.headers) && {
      headers: Object.fromEntries([
        ...Object.entries(headers),
        ...Object.entries(webhook.headers ?? {}),
      ]),
    }),
  };
}
