/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import type { Attempt } from "../../core/mod.ts";
import { maskUrl } from "../../internal/mask_url.ts";
import type { StoredWebhook, WebhookStore } from "../../webhook_store/mod.ts";
import { withCursor } from "../pages.ts";
import { act, attempt } from "./actions.ts";
import { Badge, EmptyState, Pagination, StateBadge, Table, Time } from "./components.tsx";
import { respondPage } from "./layout.tsx";
import {
  can,
  type ConsoleRoute,
  link,
  type Notice,
  outboxOf,
  type PageRequest,
} from "./request.ts";
import { readWebhook, valuesOf, WebhookForm, type WebhookValues } from "./webhook_form.tsx";
import { pathOf, readStored, requireStore, showWebhook } from "./webhook_page.tsx";

/** Webhooks of a page. */
const PAGE = 50;

/** Webhooks that are stored: their list, one of them, and what changes them. */
export const webhookPages: readonly ConsoleRoute[] = [
  { method: "GET", path: "webhooks", scope: "read", handle: listWebhooks },
  { method: "GET", path: "new-webhook", scope: "admin", handle: (at) => showForm(at, undefined) },
  { method: "POST", path: "new-webhook", scope: "admin", handle: createWebhook },
  { method: "GET", path: "webhooks/:name", scope: "read", handle: (at) => showWebhook(at) },
  {
    method: "GET",
    path: "webhooks/:name/edit",
    scope: "admin",
    handle: async (at) => await showForm(at, await readStored(at)),
  },
  { method: "POST", path: "webhooks/:name/edit", scope: "admin", handle: updateWebhook },
  { method: "POST", path: "webhooks/:name/test", scope: "admin", handle: testWebhook },
  { method: "POST", path: "webhooks/:name/rotate-secret", scope: "admin", handle: rotateSecret },
  { method: "POST", path: "webhooks/:name/delete", scope: "admin", handle: deleteWebhook },
];

function storeOf({ c }: PageRequest): WebhookStore | undefined {
  return c.get("hooksRequest").app.webhooks;
}

async function listWebhooks(at: PageRequest): Promise<Response> {
  const webhooks = storeOf(at);
  const mayChange = can(at, "admin");
  const page = {
    title: "Webhooks",
    section: "webhooks",
    lead:
      "Endpoints that receive signed events. Webhooks in the configuration file are under Targets.",
  } as const;
  if (webhooks === undefined) {
    return await respondPage(
      at,
      page,
      <EmptyState title="This server stores no webhooks">
        <p>
          Set <code>HOOKS_ENCRYPTION_KEY</code> for <code>hooks serve</code>, or pass{" "}
          <code>webhooks: webhookStore(…)</code> to <code>createHooksApp</code>{" "}
          to create and change webhooks here.
        </p>
      </EmptyState>,
    );
  }
  const from = at.query.get("cursor") ?? undefined;
  const position = { limit: PAGE, cursor: from };
  const { items, cursor } = await withCursor(from, () => webhooks.list(position));
  const outbox = outboxOf(at);
  const states = await Promise.all(items.map(({ name }) => outbox.endpoint(name)));
  const content = items.length === 0
    ? (
      <EmptyState title="No webhooks yet">
        <p>A webhook receives a signed request for each event that matches it.</p>
        {mayChange && (
          <p>
            <a class="button primary" href={link(at, "new-webhook")}>Create a webhook</a>
          </p>
        )}
      </EmptyState>
    )
    : (
      <Table
        caption="Webhooks"
        columns={[
          { label: "Name" },
          { label: "URL", kind: "wide" },
          { label: "Events", kind: "wide" },
          { label: "State" },
          { label: "Changed" },
        ]}
        rows={items.map((webhook, index) => [
          <a href={link(at, pathOf(webhook.name))}>{webhook.name}</a>,
          <span class="mono">{maskUrl(webhook.fields.url)}</span>,
          webhook.fields.events.join(", "),
          <State webhook={webhook} state={states[index]!.state} />,
          <Time at={at} time={webhook.updatedAt} />,
        ])}
      />
    );
  const actions = mayChange && items.length > 0 && (
    <a class="button primary" href={link(at, "new-webhook")}>Create a webhook</a>
  );
  return await respondPage(
    at,
    { ...page, ...(actions && { actions }) },
    <>
      {content}
      <Pagination at={at} path="webhooks" query={{ cursor: from }} cursor={cursor} />
    </>,
  );
}

function State({ webhook, state }: { webhook: StoredWebhook; state: string }): Child {
  return webhook.problem === undefined
    ? <StateBadge state={state} />
    : <Badge tone="bad">blocked</Badge>;
}

async function showForm(
  at: PageRequest,
  webhook: StoredWebhook | undefined,
  given: { readonly values?: WebhookValues; readonly error?: string } = {},
): Promise<Response> {
  requireStore(at);
  const { values = valuesOf(webhook), error } = given;
  const name = webhook?.name;
  const above = name === undefined ? [] : [[name, pathOf(name)] as const];
  const hadValues = given.values !== undefined && /:\s*\S/.test(at.form.get("headers") ?? "");
  const text = hadValues ? `${error!.replace(/\.?$/, ".")} Enter the header values again.` : error;
  const here: PageRequest = text === undefined ? at : { ...at, notice: { kind: "error", text } };
  return await respondPage(
    here,
    {
      title: name === undefined ? "Create a webhook" : `Edit ${name}`,
      section: "webhooks",
      above: [["Webhooks", "webhooks"], ...above],
      status: error === undefined ? 200 : 422,
    },
    <WebhookForm
      at={at}
      path={name === undefined ? "new-webhook" : pathOf(name, "edit")}
      webhook={webhook}
      values={values}
    />,
  );
}

async function createWebhook(at: PageRequest): Promise<Response> {
  const webhooks = requireStore(at);
  const { values, fields, error } = readWebhook(at.form);
  let name = "";
  let secret: string | undefined;
  const outcome = error ?? await attempt(async () => {
    const created = await webhooks.create({ name: values.name, ...fields } as never);
    name = created.webhook.name;
    secret = created.secret;
    return `${name} is created. It receives events from now on.`;
  });
  if (typeof outcome !== "string" || error !== undefined) {
    const text = typeof outcome === "string" ? outcome : outcome.text;
    return await showForm(at, undefined, { values, error: text });
  }
  // The secret must not be in a URL, so the form itself is answered with it.
  const page = { ...at, params: { name }, root: "./" };
  return await showWebhook(page, {
    notice: { kind: "ok", text: outcome },
    ...(secret !== undefined && { secret }),
  });
}

async function updateWebhook(at: PageRequest): Promise<Response> {
  const webhook = await readStored(at);
  const { values, fields, error } = readWebhook(at.form, webhook);
  const revision = Number(at.form.get("revision"));
  const outcome = error ?? await attempt(async () => {
    await requireStore(at).update(webhook.name, fields as never, { revision });
    return "Saved. Pending deliveries follow at their next attempt.";
  });
  if (error !== undefined || typeof outcome !== "string") {
    const text = typeof outcome === "string" ? outcome : outcome.text;
    // With its current revision, the form must have its current values, so that saving undoes no one's change.
    const current = await readStored(at);
    if (current.revision === revision) {
      return await showForm(at, current, { values, error: text });
    }
    const changed = `${current.name} was changed meanwhile. These are its current values: ` +
      "make your change again.";
    return await showForm(at, current, { error: changed });
  }
  return await act(at, pathOf(webhook.name), () => Promise.resolve(outcome));
}

async function testWebhook(at: PageRequest): Promise<Response> {
  let tested: Attempt | undefined;
  const outcome = await attempt(async () => {
    tested = await requireStore(at).test(at.params["name"]!, { signal: at.c.req.raw.signal });
    return "";
  });
  if (tested === undefined) return await showWebhook(at, { notice: outcome as Notice });
  return await showWebhook(at, { tested });
}

async function rotateSecret(at: PageRequest): Promise<Response> {
  let secret: string | undefined;
  const revision = Number(at.form.get("revision"));
  const outcome = await attempt(async () => {
    ({ secret } = await requireStore(at).rotateSecret(at.params["name"]!, { revision }));
    return "The secret is rotated. The old one also signs for 24 hours.";
  });
  const notice = typeof outcome === "string" ? { kind: "ok", text: outcome } as const : outcome;
  return await showWebhook(at, { notice, ...(secret !== undefined && { secret }) });
}

async function deleteWebhook(at: PageRequest): Promise<Response> {
  const name = at.params["name"]!;
  if (at.form.get("confirm")?.trim() !== name) {
    const text = `Not deleted: type “${name}” to confirm.`;
    return await showWebhook(at, { notice: { kind: "error", text } });
  }
  const revision = Number(at.form.get("revision"));
  const outcome = await attempt(async () => {
    await requireStore(at).delete(name, { revision });
    return `${name} is deleted.`;
  });
  if (typeof outcome !== "string") return await showWebhook(at, { notice: outcome });
  return await act(at, "webhooks", () => Promise.resolve(outcome));
}
