import { checkDefined, checkKnown } from "../internal/options.ts";
import { checkFunctions, checkObject, closest } from "../internal/validate.ts";
import { exponentialRetry, type RetryPolicy, scheduleRetry } from "../core/retry.ts";
import { WebhookHook, type WebhookHookOptions } from "../webhook/send.ts";
import type { HooksConfig, RetryConfig } from "./config.ts";

/** What of a webhook is no data, and so in no file. */
export interface ConfigHooksOptions {
  /** Instead of the platform's `fetch`, for all webhooks. */
  readonly fetch?: typeof fetch | undefined;
  /** Judges the addresses of all webhooks: `createAddressGuard()`. All URLs must then be https. */
  readonly guard?: WebhookHookOptions["guard"];
  /** What rewrites the events of a webhook before they are sent, by the webhook's name. */
  readonly transform?: Readonly<Record<string, NonNullable<WebhookHookOptions["transform"]>>>;
}

/**
 * The webhooks of a configuration, for `use` of hooks or of `createHooks`.
 *
 * ```ts
 * import { createHooks } from "@omniagent/hooks";
 * import { hooksFromConfig, parseConfig } from "@omniagent/hooks/config";
 *
 * const config = parseConfig({
 *   hooks: { webhooks: [{ name: "audit", events: ["tool.*"], url: "https://audit.example.com/" }] },
 * }, { env: {} });
 * const hooks = createHooks();
 * hooks.use(...hooksFromConfig(config));
 * await hooks.close();
 * ```
 *
 * @throws {TypeError | RangeError} when an option is ill-formed, names no webhook of the configuration, or does not go with one
 */
export function hooksFromConfig(
  config: HooksConfig,
  options: ConfigHooksOptions = {},
): readonly WebhookHook[] {
  const subject = "Cannot make hooks of a configuration";
  checkObject(subject, "the configuration", config);
  checkKnown(subject, options, ["fetch", "guard", "transform"]);
  checkDefined(subject, options, {
    guard: "to send to any address",
    transform: "to send events as they are",
  });
  if (!Array.isArray(config.webhooks)) {
    throw new TypeError(`${subject} as it must be what parseConfig or loadConfig returned`);
  }
  const { fetch, guard, transform = {} } = options;
  checkObject(subject, "'transform'", transform);
  const names = config.webhooks.map(({ name }) => name);
  for (const name of Object.keys(transform)) {
    checkFunctions(`${subject} as one of 'transform' is ill-formed`, transform, [name]);
    if (names.includes(name)) continue;
    const near = closest(name, names);
    const hint = near === undefined ? "" : `: did you mean '${near}'?`;
    throw new TypeError(
      `${subject} as 'transform' names '${name}', and no webhook has this name${hint}`,
    );
  }
  return config.webhooks.map((webhook) =>
    new WebhookHook({
      ...webhook,
      retry: webhook.retry && retryPolicy(webhook.retry),
      ...(Object.hasOwn(transform, webhook.name) && { transform: transform[webhook.name]! }),
      fetch,
      ...(guard && { guard }),
    })
  );
}

function retryPolicy(retry: RetryConfig): RetryPolicy {
  return "retries" in retry ? exponentialRetry(retry) : scheduleRetry(retry);
}
