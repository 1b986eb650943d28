import { exponentialRetry, type RetryPolicy, scheduleRetry } from "../core/retry_policy.ts";
import type { WebhookHookOptions } from "../webhook/options.ts";
import { WebhookHook } from "../webhook/webhook_hook.ts";
import type { RetryConfig, WebhookConfig } from "./config.ts";

/** Creates a webhook of its fields, and of options that are not data. */
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
