import { checkDefined, checkKnown } from "../internal/options.ts";
import { checkFunctions, checkObject, closest } from "../internal/validate.ts";
import { WebhookGate } from "../webhook/gate/webhook_gate.ts";
import type { WebhookHookOptions } from "../webhook/options.ts";
import type { WebhookHook } from "../webhook/webhook_hook.ts";
import type { HooksConfig } from "./config.ts";
import { webhookFromConfig } from "./webhook_fields.ts";

/** Options of webhooks that are not data. */
export interface ConfigHooksOptions {
  /** Replaces the platform's `fetch` for all webhooks and gates. */
  readonly fetch?: typeof fetch | undefined;
  /** Checks the addresses of all webhooks and gates: `createAddressGuard()`. All URLs must then be https. */
  readonly guard?: WebhookHookOptions["guard"];
  /** Functions that rewrite events before they are sent, by the webhook's name. */
  readonly transform?: Readonly<Record<string, NonNullable<WebhookHookOptions["transform"]>>>;
}

/**
 * Creates the webhooks of a configuration, then its gates, for `hooks.use()` or the `use` option of `createHooks`.
 *
 * ```ts
 * import { createHooks } from "@omniagent/hooks";
 * import { hooksFromConfig, parseConfig } from "@omniagent/hooks/config";
 *
 * const config = parseConfig({
 *   hooks: { webhooks: [{ name: "audit", events: ["tool.*"], url: "https://audit.example.com/" }] },
 * }, { env: {} });
 * const hooks = createHooks({ gates: config.gateOptions });
 * hooks.use(...hooksFromConfig(config));
 * await hooks.close();
 * ```
 *
 * @throws {TypeError | RangeError} when an option is invalid, names an unknown webhook, or doesn't fit one
 */
export function hooksFromConfig(
  config: HooksConfig,
  options: ConfigHooksOptions = {},
): readonly (WebhookHook | WebhookGate)[] {
  const subject = "Cannot create hooks from configuration";
  checkObject(subject, "the configuration", config);
  checkKnown(subject, options, ["fetch", "guard", "transform"]);
  checkDefined(subject, options, {
    guard: "to send to any address",
    transform: "to send events as they are",
  });
  if (!Array.isArray(config.webhooks)) {
    throw new TypeError(`${subject}: it must be the result of parseConfig() or loadConfig()`);
  }
  const { fetch, guard, transform = {} } = options;
  checkObject(subject, "'transform'", transform);
  const names = config.webhooks.map(({ name }) => name);
  for (const name of Object.keys(transform)) {
    checkFunctions(`${subject}: invalid 'transform'`, transform, [name]);
    if (names.includes(name)) continue;
    const near = closest(name, names);
    const hint = near === undefined ? "" : `. Did you mean '${near}'?`;
    throw new TypeError(`${subject}: 'transform' names unknown webhook '${name}'${hint}`);
  }
  const { webhooks, gates = [] } = config;
  const shared = { fetch, ...(guard && { guard }) };
  return [
    ...webhooks.map((webhook) =>
      webhookFromConfig(webhook, {
        ...(Object.hasOwn(transform, webhook.name) && { transform: transform[webhook.name]! }),
        ...shared,
      })
    ),
    ...gates.map((gate) => new WebhookGate({ ...gate, ...shared })),
  ];
}
