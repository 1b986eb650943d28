import * as v from "valibot";
import { decodeBase64Url, encodeBase64Url } from "../internal/bytes.ts";
import { maskUrl } from "../internal/mask_url.ts";
import type { Outbox } from "../outbox/mod.ts";
import type {
  StoredWebhook,
  WebhookChanges,
  WebhookStore,
  WebhookWithSecret,
} from "../webhook_store/mod.ts";
import { type AppContext, respondJson } from "./context.ts";
import { attempt, toAttemptJson } from "./deliveries.ts";
import { pageOf, pageQuery, respondPage, withCursor } from "./pages.ts";
import { found, Problem } from "./problems.ts";
import { defineRoute, type Route } from "./router.ts";
import * as s from "./schemas.ts";
/** A new webhook. Checked by the store, which also has the JSON Schema: its rules are those of a file. */
export const newWebhook = v.looseObject({});
/** Changes of a webhook, also checked by the store. */
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

const webhook = v.pipe(v.looseObject(entries), v.metadata({ description }));
const webhookWithSecret = v.pipe(
  v.looseObject({
    ...entries,
    secret: v.optional(s.describe(s.string, "The new secret, which nothing returns again")),
  }),
  v.metadata({ description }),
);

/** A webhook in JSON, with the fields of the configuration file. */
export type WebhookJson = v.InferOutput<typeof webhookWithSecret>;

const example: WebhookJson = {
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

const etag = { etag: "The revision, for If-Match" };
const ifMatch = {
  "if-match": s.describe(s.string, "Required: the ETag that you last read, or * for any", '"1"'),
};
const name = { name: s.targetInPath };
const response = { description: "The webhook", schema: webhook, example, headers: etag };
/** The problems of every change of a webhook. */
const changeProblems = [
  "webhooks_disabled",
  "webhook_not_found",
  "webhook_changed",
  "if_match_required",
] as const;

/** The routes of webhooks that are stored. */
export const webhookRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/webhooks",
    scope: "read",
    operationId: "listWebhooks",
    summary: "List stored webhooks by name",
    description: "Tokens without the admin scope see masked URLs.",
    query: pageQuery,
    needsOutbox: true,
    response: { ...pageOf("webhooks", webhook, example), description: "A page" },
    problems: ["webhooks_disabled"],
    async handle(c, { query: { limit, cursor }, outbox }) {
      // Anything but a name is rejected as a cursor from elsewhere.
      const after = cursor === undefined ? undefined : decodeBase64Url(cursor) ?? "\0";
      const position = { limit, cursor: after };
      const page = await withCursor(cursor, () => webhooksOf(c).list(position));
      const next = page.cursor === undefined ? {} : { cursor: encodeBase64Url(page.cursor) };
      const items = await Promise.all(page.items.map((item) => toWebhookJson(c, outbox, item)));
      return respondPage(c, "webhooks", { items, ...next }, items);
    },
  }),
  defineRoute({
    method: "POST",
    path: "/webhooks",
    scope: "admin",
    operationId: "createWebhook",
    summary: "Create a webhook, with the fields of the configuration file",
    description: "Without a secret, one is generated and shown once. A name can't be used again.",
    body: {
      schema: newWebhook,
      example: { name: "audit", events: ["tool.*"], url: "https://hooks.example.com/agent" },
    },
    needsOutbox: true,
    response: {
      status: 201,
      description: "The webhook, and its secret if that was generated",
      schema: webhookWithSecret,
      example: { ...example, secret: "whsec_…" },
      headers: { ...etag, location: "Its path, relative to that of the request" },
    },
    problems: [
      "webhooks_disabled",
      "webhook_exists",
      "webhook_name_used",
      "webhook_invalid",
      "too_many_webhooks",
    ],
    async handle(c, { body, outbox }) {
      const created = await webhooksOf(c).create(body as never);
      const location = `webhooks/${encodeURIComponent(created.webhook.name)}`;
      return await respondWebhook(c, outbox, created, 201, { location });
    },
  }),
  defineRoute({
    method: "GET",
    path: "/webhooks/:name",
    scope: "read",
    operationId: "getWebhook",
    summary: "Get a stored webhook",
    params: name,
    needsOutbox: true,
    response,
    problems: ["webhooks_disabled", "webhook_not_found", "webhook_locked"],
    async handle(c, { params, outbox }) {
      return await respondWebhook(c, outbox, { webhook: await findWebhook(c, params.name) });
    },
  }),
  defineRoute({
    method: "PATCH",
    path: "/webhooks/:name",
    scope: "admin",
    operationId: "updateWebhook",
    summary: "Change a webhook; pending deliveries follow at their next attempt",
    description: "Omitted fields stay as they are, and null removes an optional one. Headers are " +
      "merged, and null removes one.",
    params: name,
    headers: ifMatch,
    body: { schema: webhookChanges, example: { url: "https://new.example.com/agent" } },
    needsOutbox: true,
    response,
    problems: [...changeProblems, "webhook_locked", "webhook_invalid"],
    async handle(c, { params, body, outbox }) {
      const revision = await readIfMatch(c, params.name);
      const changes = body as WebhookChanges;
      const webhook = await webhooksOf(c).update(params.name, changes, { revision });
      return await respondWebhook(c, outbox, { webhook });
    },
  }),
  defineRoute({
    method: "DELETE",
    path: "/webhooks/:name",
    scope: "admin",
    operationId: "deleteWebhook",
    summary: "Delete a webhook for good, with its pending deliveries",
    params: name,
    headers: ifMatch,
    needsOutbox: true,
    response: {
      description: "It is deleted",
      schema: s.object({ name: s.targetName, deleted: s.boolean }),
      example: { name: "audit", deleted: true },
    },
    problems: changeProblems,
    async handle(c, { params }) {
      const revision = await readIfMatch(c, params.name);
      await webhooksOf(c).delete(params.name, { revision });
      return respondJson(c, 200, { name: params.name, deleted: true });
    },
  }),
  defineRoute({
    method: "POST",
    path: "/webhooks/:name/test",
    scope: "admin",
    operationId: "testWebhook",
    summary: "Send a signed webhook.test event once, without storing it",
    params: name,
    needsOutbox: true,
    response: {
      description: "The attempt",
      schema: attempt,
      example: { at: s.EXAMPLE_TIME, verdict: "delivered", duration: 12, status: 204 },
    },
    problems: ["webhooks_disabled", "webhook_not_found", "webhook_locked", "too_many_tests"],
    async handle(c, { params }) {
      const result = await webhooksOf(c).test(params.name, { signal: c.req.raw.signal });
      return respondJson(c, 200, toAttemptJson({ ...result, at: new Date() }));
    },
  }),
  defineRoute({
    method: "POST",
    path: "/webhooks/:name/rotate-secret",
    scope: "admin",
    operationId: "rotateWebhookSecret",
    summary: "Set a new secret; the old ones also sign for a while",
    params: name,
    headers: ifMatch,
    body: {
      schema: s.strictObject({
        secret: v.optional(s.describe(s.string, "The new secret. Generated if omitted")),
        overlap: v.optional(
          s.describe(
            s.string,
            "How long old secrets sign, such as 1h, 720h at most. 24h if omitted",
          ),
        ),
      }),
      example: { overlap: "24h" },
    },
    needsOutbox: true,
    response: {
      description: "The webhook, and its new secret if that was generated",
      schema: webhookWithSecret,
      example: { ...example, secret: "whsec_…" },
      headers: etag,
    },
    problems: [...changeProblems, "webhook_locked", "webhook_invalid"],
    async handle(c, { params, body, outbox }) {
      const revision = await readIfMatch(c, params.name);
      const rotated = await webhooksOf(c).rotateSecret(params.name, { ...body, revision });
      return await respondWebhook(c, outbox, rotated);
    },
  }),
];

/** Returns the webhook store of the app. @throws {Problem} when it has none */
export function webhooksOf(c: AppContext): WebhookStore {
  return found(c.get("hooksRequest").app.webhooks, "webhooks_disabled");
}

/** Returns a stored webhook. @throws {Problem} when there is none of this name */
export async function findWebhook(c: AppContext, name: string): Promise<StoredWebhook> {
  return found(await webhooksOf(c).get(name), "webhook_not_found");
}

async function respondWebhook(
  c: AppContext,
  outbox: Outbox,
  { webhook, secret }: WebhookWithSecret,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const json = await toWebhookJson(c, outbox, webhook);
  const shown = { ...json, ...(secret !== undefined && { secret }) };
  return respondJson(c, status, shown, { etag: `"${webhook.revision}"`, ...headers });
}

/** Returns a webhook in JSON, with its state. Only an admin sees what may be secret in its URL. */
async function toWebhookJson(
  c: AppContext,
  outbox: Outbox,
  stored: StoredWebhook,
): Promise<WebhookJson> {
  const { name, fields } = stored;
  const { state, reason } = await outbox.endpoint(name);
  const isAdmin = c.get("hooksRequest").identity.scopes.includes("admin");
  const shown = { name, ...fields, url: isAdmin ? fields.url : maskUrl(fields.url) };
  const endpoint = { state, ...(reason !== undefined && { reason }) };
  return { ...shown, ...s.toJson(webhook, { ...stored, ...shown, ...endpoint }) };
}

/**
 * Returns the revision that `If-Match` names; undefined for any (RFC 9110, section 13.1.1).
 *
 * @throws {Problem} when it is missing (RFC 6585, section 3), or no tag is the current one
 */
async function readIfMatch(c: AppContext, name: string): Promise<number | undefined> {
  const header = c.req.header("if-match");
  if (header === undefined) throw new Problem("if_match_required");
  const tags = header.split(",").map((tag) => tag.trim());
  if (tags.includes("*")) return undefined;
  const webhook = await findWebhook(c, name);
  if (tags.includes(`"${webhook.revision}"`)) return webhook.revision;
  throw new Problem("webhook_changed");
}
