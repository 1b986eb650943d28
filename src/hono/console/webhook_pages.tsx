/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import type { Attempt } from "../../core/mod.ts";
import { maskUrl } from "../../internal/mask_url.ts";
import type { Endpoint } from "../../outbox/mod.ts";
import type {
  NewWebhook,
  StoredWebhook,
  WebhookChanges,
  WebhookWithSecret,
} from "../../webhook_store/mod.ts";
import { withCursor } from "../pages.ts";
import { findWebhook, webhooksOf } from "../webhooks.ts";
import { Badge, EmptyState, StateBadge, Table, Time } from "./components.tsx";
import { respondPage } from "./layout.tsx";
import { Pagination } from "./list.tsx";
import {
  attempt,
  can,
  type ConsoleRoute,
  failed,
  link,
  outboxOf,
  type PageRequest,
  redirect,
} from "./request.ts";
import { readWebhook, valuesOf, WebhookForm, type WebhookValues } from "./webhook_form.tsx";
import { pathOf, showWebhook } from "./webhook_details.tsx";

/** Webhooks on a page. */
const PAGE = 50;

/** Stored webhooks: their list, one of them, and the actions that change them. */
export const webhookPages: readonly ConsoleRoute[] = [
  { method: "GET", path: "webhooks", scope: "read", handle: listWebhooks },
  { method: "GET", path: "new-webhook", scope: "admin", handle: (at) => showForm(at, undefined) },
  { method: "POST", path: "new-webhook", scope: "admin", handle: createWebhook },
  { method: "GET", path: "webhooks/:name", scope: "read", handle: (at) => showWebhook(at) },
  {
    method: "GET",
    path: "webhooks/:name/edit",
    scope: "admin",
    handle: async (at) => await showForm(at, await findWebhook(at.c, at.params["name"]!)),
  },
  { method: "POST", path: "webhooks/:name/edit", scope: "admin", handle: updateWebhook },
  { method: "POST", path: "webhooks/:name/test", scope: "admin", handle: testWebhook },
  { method: "POST", path: "webhooks/:name/rotate-secret", scope: "admin", handle: rotateSecret },
  { method: "POST", path: "webhooks/:name/delete", scope: "admin", handle: deleteWebhook },
];

async function listWebhooks(at: PageRequest): Promise<Response> {
  const { webhooks } = at.c.get("hooksRequest").app;
  const page = {
    title: "Webhooks",
    section: "webhooks",
    lead:
      "Endpoints that receive signed events. Webhooks in the configuration file are under Targets.",
  } as const;
  if (webhooks === undefined) return await respondPage(at, page, <NotStored />);
  const from = at.query.get("cursor") ?? undefined;
  const position = { limit: PAGE, cursor: from };
  const { items, cursor } = await withCursor(from, () => webhooks.list(position));
  const states = await Promise.all(items.map(({ name }) => outboxOf(at).endpoint(name)));
  const create = can(at, "admin") && (
    <a class="button primary" href={link(at, "new-webhook")}>Create a webhook</a>
  );
  const content = items.length === 0
    ? (
      <EmptyState title="No webhooks yet">
        <p>A webhook receives a signed request for each event that matches it.</p>
        {create && <p>{create}</p>}
      </EmptyState>
    )
    : <WebhookTable at={at} webhooks={items} states={states} />;
  return await respondPage(
    at,
    { ...page, ...(create && items.length > 0 && { actions: create }) },
    <>
      {content}
      <Pagination at={at} path="webhooks" cursor={cursor} />
    </>,
  );
}

function WebhookTable(
  { at, webhooks, states }: {
    at: PageRequest;
    webhooks: readonly StoredWebhook[];
    /** The state of each. */
    states: readonly Endpoint[];
  },
): Child {
  return (
    <Table
      caption="Webhooks"
      rows={webhooks}
      columns={[
        { label: "Name", cell: ({ name }) => <a href={link(at, pathOf(name))}>{name}</a> },
        {
          label: "URL",
          kind: "wide",
          cell: ({ fields: { url } }) => <span class="mono">{maskUrl(url)}</span>,
        },
        { label: "Events", kind: "wide", cell: ({ fields }) => fields.events.join(", ") },
        {
          label: "State",
          cell: ({ problem }, index) =>
            problem === undefined
              ? <StateBadge state={states[index]!.state} />
              : <Badge tone="bad">blocked</Badge>,
        },
        { label: "Changed", cell: ({ updatedAt }) => <Time at={at} time={updatedAt} /> },
      ]}
    />
  );
}

function NotStored(): Child {
  return (
    <EmptyState title="This server stores no webhooks">
      <p>
        Set <code>HOOKS_ENCRYPTION_KEY</code> for <code>hooks serve</code>, or pass{" "}
        <code>webhooks: webhookStore(…)</code> to <code>createHooksApp</code>{" "}
        to create and change webhooks here.
      </p>
    </EmptyState>
  );
}

async function showForm(
  at: PageRequest,
  webhook: StoredWebhook | undefined,
  { values, error }: { readonly values?: WebhookValues; readonly error?: string } = {},
): Promise<Response> {
  webhooksOf(at.c);
  const hadHeaders = values !== undefined && /:\s*\S/.test(at.form.get("headers") ?? "");
  const again = hadHeaders ? " Enter the header values again." : "";
  const notice = error === undefined ? undefined : failed(
    again === "" ? error : error.replace(/\.?$/, ".") + again,
  );
  const [title, path] = webhook === undefined
    ? ["Create a webhook", "new-webhook"]
    : [`Edit ${webhook.name}`, pathOf(webhook.name, "edit")];
  const above = webhook === undefined ? [] : [[webhook.name, pathOf(webhook.name)] as const];
  return await respondPage(
    { ...at, notice: notice ?? at.notice },
    {
      title,
      section: "webhooks",
      above: [["Webhooks", "webhooks"], ...above],
      status: error === undefined ? 200 : 422,
    },
    <WebhookForm at={at} path={path} webhook={webhook} values={values ?? valuesOf(webhook)} />,
  );
}

async function createWebhook(at: PageRequest): Promise<Response> {
  const webhooks = webhooksOf(at.c);
  const { values, fields, error } = readWebhook(at.form);
  let created: WebhookWithSecret | undefined;
  const notice = error !== undefined ? failed(error) : await attempt(async () => {
    created = await webhooks.create({ name: values.name, ...fields } as NewWebhook);
    return `${created.webhook.name} is created. It receives events from now on.`;
  });
  if (created === undefined) return await showForm(at, undefined, { values, error: notice.text });
  // The secret must not be in a URL, so the response to the form shows it.
  const { webhook: { name }, secret } = created;
  return await showWebhook({ ...at, params: { name }, root: "./", notice }, { secret });
}

async function updateWebhook(at: PageRequest): Promise<Response> {
  const webhook = await findWebhook(at.c, at.params["name"]!);
  const { values, fields, error } = readWebhook(at.form, webhook);
  const revision = revisionIn(at);
  const notice = error !== undefined ? failed(error) : await attempt(async () => {
    await webhooksOf(at.c).update(webhook.name, fields as WebhookChanges, { revision });
    return "Saved. Pending deliveries follow at their next attempt.";
  });
  if (notice.kind === "ok") return await redirect(at, pathOf(webhook.name), { notice });
  // With its current revision, the form must have its current values, so that saving undoes no one's change.
  const current = await findWebhook(at.c, webhook.name);
  if (current.revision === revision) {
    return await showForm(at, current, { values, error: notice.text });
  }
  const changed = `${current.name} was changed meanwhile. These are its current values: ` +
    "make your change again.";
  return await showForm(at, current, { error: changed });
}

async function testWebhook(at: PageRequest): Promise<Response> {
  let tested: Attempt | undefined;
  const { signal } = at.c.req.raw;
  const notice = await attempt(async () => {
    tested = await webhooksOf(at.c).test(at.params["name"]!, { signal });
    return "";
  });
  return await showWebhook(tested === undefined ? { ...at, notice } : at, { tested });
}

async function rotateSecret(at: PageRequest): Promise<Response> {
  let secret: string | undefined;
  const revision = revisionIn(at);
  const notice = await attempt(async () => {
    ({ secret } = await webhooksOf(at.c).rotateSecret(at.params["name"]!, { revision }));
    return "The secret is rotated. The old one also signs for 24 hours.";
  });
  return await showWebhook({ ...at, notice }, { secret });
}

async function deleteWebhook(at: PageRequest): Promise<Response> {
  const name = at.params["name"]!;
  const isConfirmed = at.form.get("confirm")?.trim() === name;
  const revision = revisionIn(at);
  const notice = !isConfirmed ? failed(`Not deleted: type “${name}” to confirm.`) : await attempt(
    async () => {
      await webhooksOf(at.c).delete(name, { revision });
      return `${name} is deleted.`;
    },
  );
  if (notice.kind === "ok") return await redirect(at, "webhooks", { notice });
  return await showWebhook({ ...at, notice });
}

/** Returns the revision of the webhook that a form shows. */
function revisionIn({ form }: PageRequest): number {
  return Number(form.get("revision"));
}
