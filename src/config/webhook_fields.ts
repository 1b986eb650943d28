/**
 * One webhook, which may not be in a file: then it has the same fields, but strings are literal. A `${NAME}`
 * that came from an API would read the environment of the server.
 *
 * @module
 */
import { exponentialRetry, type RetryPolicy, scheduleRetry } from "../core/retry_policy.ts";
import { inspect, NAME_PATTERN } from "../internal/validate.ts";
import type { WebhookHookOptions } from "../webhook/options.ts";
import { WebhookHook } from "../webhook/webhook_hook.ts";
import type { RetryConfig, WebhookConfig } from "./config.ts";
import { ConfigError, formatIssue, limitIssues } from "./config_error.ts";
import { webhookSchema } from "./fields.ts";
import { toJsonSchema } from "./json_schema.ts";
import { checkConfig } from "./parse_config.ts";

/**
 * Reads the fields of a webhook, without variables.
 *
 * @throws {ConfigError} with every issue; paths start at the webhook
 */
export function readWebhook(value: unknown): WebhookConfig {
  const { config, issues } = checkConfig({ hooks: { webhooks: [value] } }, null);
  if (issues.length === 0) return config.webhooks[0]!;
  const own = limitIssues(issues).map((issue) =>
    formatIssue({ ...issue, path: issue.path.slice(3) })
  );
  const { name } = Object(value) as { readonly name?: unknown };
  const isName = typeof name === "string" && NAME_PATTERN.test(name);
  throw new ConfigError(own, isName ? `webhook ${inspect(name)}` : "the webhook");
}

/** Returns the JSON Schema of a webhook, whose strings are literal. */
export function webhookJsonSchema(): Readonly<Record<string, unknown>> {
  return structuredClone(toJsonSchema(webhookSchema, { variables: false }));
}

/** Creates a webhook from its fields, and from options that are not data. */
export function webhookFromConfig(
  webhook: WebhookConfig,
  options: Pick<WebhookHookOptions, "fetch" | "guard" | "transform">,
): WebhookHook {
  return new WebhookHook({
    ...webhook,
    retry: webhook.retry && retryPolicy(webhook.retry),
    ...options,
  });
}

function retryPolicy(retry: RetryConfig): RetryPolicy {
  return "retries" in retry ? exponentialRetry(retry) : scheduleRetry(retry);
}
