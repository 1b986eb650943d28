import * as v from "valibot";
import type { Outbox } from "../outbox/mod.ts";
import type { WebhookChanges, WebhookStore, WebhookWithSecret } from "../webhook_store/mod.ts";
import { type AppContext, respondJson } from "./context.ts";
import { attempt, toAttemptJson } from "./deliveries.ts";
import { nextPageHeader, pageQuery, respondPage, withCursor } from "./pages.ts";
import { Problem } from "./problems.ts";
import { defineRoute, type Route } from "./router.ts";
import * as s from "./schemas.ts";
import {
  newWebhook,
  toWebhooksJson,
  webhook,
  webhookChanges,
  webhookExample,
  webhookWithSecret,
} from "./webhook_json.ts";

const etag = { etag: "The revision, for If-Match" };
const ifMatch = {
  "if-match": s.describe(s.string, "Required: the ETag that you last read, or * for any", '"1"'),
};
const name = { name: s.targetInPath };

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
    response: {
      description: "A page",
      schema: s.object({ webhooks: s.list(webhook), next_cursor: v.optional(s.cursor) }),
      example: { webhooks: [webhookExample] },
      headers: nextPageHeader,
    },
    problems: ["webhooks_disabled"],
    async handle(c, { query: { limit, cursor }, outbox }) {
      const after = cursor === undefined ? undefined : decodeCursor(cursor);
      const page = await withCursor(
        cursor,
        "?cursor",
        () => webhooksOf(c).list({ limit, cursor: after }),
      );
      const next = page.cursor === undefined ? {} : { cursor: encodeCursor(page.cursor) };
      const { identity } = c.get("hooksRequest");
      const items = await toWebhooksJson(page.items, { outbox, identity });
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
      example: { ...webhookExample, secret: "whsec_…" },
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
      return await respondWebhook(c, outbox, created, { status: 201, headers: { location } });
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
    response: {
      description: "The webhook",
      schema: webhook,
      example: webhookExample,
      headers: etag,
    },
    problems: ["webhooks_disabled", "webhook_not_found", "webhook_locked"],
    async handle(c, { params, outbox }) {
      const webhook = await webhooksOf(c).get(params.name);
      if (webhook === undefined) throw new Problem("webhook_not_found");
      return await respondWebhook(c, outbox, { webhook });
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
    response: {
      description: "The webhook",
      schema: webhook,
      example: webhookExample,
      headers: etag,
    },
    problems: [
      "webhooks_disabled",
      "webhook_not_found",
      "webhook_changed",
      "if_match_required",
      "webhook_locked",
      "webhook_invalid",
    ],
    async handle(c, { params, body, outbox }) {
      const revision = await readIfMatch(c, params.name);
      const changes = body as unknown as WebhookChanges;
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
    problems: ["webhooks_disabled", "webhook_not_found", "webhook_changed", "if_match_required"],
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
      example: { ...webhookExample, secret: "whsec_…" },
      headers: etag,
    },
    problems: [
      "webhooks_disabled",
      "webhook_not_found",
      "webhook_changed",
      "if_match_required",
      "webhook_locked",
      "webhook_invalid",
    ],
    async handle(c, { params, body, outbox }) {
      const revision = await readIfMatch(c, params.name);
      const rotated = await webhooksOf(c).rotateSecret(params.name, { ...body, revision });
      return await respondWebhook(c, outbox, rotated);
    },
  }),
];

/** Returns the webhook store of the app. @throws {Problem} when it has none */
function webhooksOf(c: AppContext): WebhookStore {
  const { webhooks } = c.get("hooksRequest").app;
  if (webhooks === undefined) throw new Problem("webhooks_disabled");
  return webhooks;
}

async function respondWebhook(
  c: AppContext,
  outbox: Outbox,
  { webhook, secret }: WebhookWithSecret,
  { status = 200, headers = {} }: {
    readonly status?: number;
    readonly headers?: Readonly<Record<string, string>>;
  } = {},
): Promise<Response> {
  const { identity } = c.get("hooksRequest");
  const [shown] = await toWebhooksJson([webhook], { outbox, identity });
  const json = { ...shown!, ...(secret !== undefined && { secret }) };
  return respondJson(c, status, json, { etag: `"${webhook.revision}"`, ...headers });
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
  const webhook = await webhooksOf(c).get(name);
  if (webhook === undefined) throw new Problem("webhook_not_found");
  if (tags.includes(`"${webhook.revision}"`)) return webhook.revision;
  throw new Problem("webhook_changed");
}

function encodeCursor(name: string): string {
  return btoa(name).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function decodeCursor(cursor: string): string {
  try {
    return atob(cursor.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return "\0"; // no name: rejected as a cursor from elsewhere
  }
}
