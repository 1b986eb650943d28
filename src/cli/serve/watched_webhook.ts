import type { Attempt, HookEvent, Webhook } from "../../core/mod.ts";
import type { WebhookHook } from "../../webhook/mod.ts";

/** A webhook whose attempts are told of. */
export function watchedWebhook(
  webhook: WebhookHook,
  tell: (target: string, event: HookEvent, attempt: Attempt) => void,
): Webhook {
  const { name, events, timeout, concurrency, retry, ordering } = webhook;
  return {
    name,
    events,
    timeout,
    concurrency,
    retry,
    ...(ordering ? { ordering } : {}),
    address: () => webhook.address(),
    accepts: (event) => webhook.accepts(event),
    deliver: (event, context) => webhook.deliver(event, context),
    close: () => webhook.close(),
    async attempt(event, context) {
      const attempt = await webhook.attempt(event, context);
      tell(name, event, attempt);
      return attempt;
    },
  };
}
