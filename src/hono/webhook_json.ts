import * as v from "valibot";
import { maskUrl } from "../internal/mask_url.ts";
import type { Endpoint, Outbox } from "../outbox/mod.ts";
import type { StoredWebhook } from "../webhook_store/mod.ts";
import type { Identity } from "./options.ts";
import * as s from "./schemas.ts";

/** A new webhook. Checked by the store, which also has the JSON Schema: its rules are those of a file. */
export const newWebhook = v.looseObject({});
/** Changes of a webhook, likewise. */
export const webhookChanges = v.looseObject({});

const entries = {
  name: s.targetName,
  events: s.list(s.eventPattern),
  url: s.string,
  state: s.describe(
    s.oneOf("on", "paused", "off", "deleted"),
    "off: disabled (see reason); paused: its receiver asked for a pause. Deliveries are held",
    "on",
  ),
  reason: v.optional(s.describe(s.string, "Why it is off")),
  header_names: s.describe(s.list(s.string), "Names of its headers; values are never returned"),
  secrets: s.list(s.object({ created_at: s.time, expires_at: v.optional(s.time) })),
  revision: s.count,
  created_at: s.time,
  updated_at: s.time,
  problem: v.optional(s.describe(s.string, "Why this server doesn't deliver to it")),
};
const description = "Has the other fields of a webhook, too";

/** A webhook. */
export const webhook = v.pipe(v.looseObject(entries), v.metadata({ description }));
/** A webhook, and its new secret. */
export const webhookWithSecret = v.pipe(
  v.looseObject({
    ...entries,
    secret: v.optional(s.describe(s.string, "The new secret, which nothing returns again")),
  }),
  v.metadata({ description }),
);

/** A webhook in JSON, with the fields of the configuration file. */
export type WebhookJson = v.InferOutput<typeof webhookWithSecret>;

/** A webhook in examples. */
export const webhookExample: WebhookJson = {
  name: "audit",
  events: ["tool.*"],
  url: "https://hooks.example.com/agent",
  timeout: "5s",
  state: "on",
  header_names: ["Authorization"],
  secrets: [{ created_at: s.EXAMPLE_TIME }],
  revision: 1,
  created_at: s.EXAMPLE_TIME,
  updated_at: s.EXAMPLE_TIME,
};

/** Returns webhooks in JSON, with the state of each. Only an admin sees what may be secret in URLs. */
export async function toWebhooksJson(
  webhooks: readonly StoredWebhook[],
  { outbox, identity }: { readonly outbox: Outbox; readonly identity: Identity },
): Promise<readonly WebhookJson[]> {
  return await Promise.all(webhooks.map(async (webhook) => {
    return toWebhookJson(webhook, await outbox.endpoint(webhook.name), identity);
  }));
}

function toWebhookJson(
  webhook: StoredWebhook,
  { state, reason }: Endpoint,
  { scopes }: Identity,
): WebhookJson {
  const { fields: { events, url, ...fields }, createdAt, updatedAt, problem } = webhook;
  return {
    name: webhook.name,
    events: [...events],
    url: scopes.includes("admin") ? url : maskUrl(url),
    ...fields,
    state,
    ...(reason !== undefined && { reason }),
    header_names: [...webhook.headerNames],
    secrets: webhook.secrets.map(({ createdAt, expiresAt }) => ({
      created_at: createdAt.toISOString(),
      ...(expiresAt && { expires_at: expiresAt.toISOString() }),
    })),
    revision: webhook.revision,
    created_at: createdAt.toISOString(),
    updated_at: updatedAt.toISOString(),
    ...(problem !== undefined && { problem }),
  };
}
