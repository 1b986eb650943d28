/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import type { Attempt } from "../../core/mod.ts";
import { maskUrl } from "../../internal/mask_url.ts";
import type { Endpoint } from "../../outbox/mod.ts";
import type { StoredWebhook } from "../../webhook_store/mod.ts";
import { findWebhook } from "../webhooks.ts";
import {
  ActionForm,
  Details,
  formatDuration,
  FullTime,
  Section,
  StateBadge,
  Text,
  TextField,
  Time,
} from "./components.tsx";
import { respondPage } from "./layout.tsx";
import { can, link, outboxOf, type PageRequest } from "./request.ts";
import { Switch } from "./target_pages.tsx";

/** Shown once on the page of a webhook, right after an action. */
type Outcome = {
  readonly secret?: string | undefined;
  readonly tested?: Attempt | undefined;
};

/** Responds with the page of a webhook. */
export async function showWebhook(
  at: PageRequest,
  { secret, tested }: Outcome = {},
): Promise<Response> {
  const webhook = await findWebhook(at.c, at.params["name"]!);
  const { name, problem } = webhook;
  const { state, reason } = await outboxOf(at).endpoint(name);
  const content = (
    <>
      {secret !== undefined && <Secret secret={secret} />}
      {tested && <TestResult attempt={tested} />}
      {problem && <p class="notice error" role="alert">{problem}</p>}
      <WebhookDetails at={at} webhook={webhook} state={state} reason={reason} />
      <p class="below row">
        <a href={link(at, "deliveries", { target: name })}>Deliveries</a>
        <a href={link(at, "deliveries", { target: name, state: "pending" })}>Pending</a>
        <a href={link(at, "dead-letters", { target: name })}>Dead letters</a>
      </p>
      {can(at, "admin") && <DangerZone at={at} webhook={webhook} isOff={state === "off"} />}
    </>
  );
  const actions = can(at, "admin") && (
    <>
      <ActionForm at={at} path={pathOf(name, "test")}>
        <button type="submit">Send a test</button>
      </ActionForm>
      <a class="button primary" href={link(at, pathOf(name, "edit"))}>Edit</a>
    </>
  );
  return await respondPage(at, {
    title: name,
    section: "webhooks",
    above: [["Webhooks", "webhooks"]],
    ...(actions && { actions }),
  }, content);
}

function WebhookDetails({ at, webhook, state, reason }: {
  at: PageRequest;
  webhook: StoredWebhook;
  state: Endpoint["state"];
  reason: string | undefined;
}): Child {
  const { fields, headerNames, secrets, createdAt, updatedAt } = webhook;
  return (
    <Details
      entries={[
        ["State", <StateBadge state={state} />],
        ["Why it is off", state === "off" && reason],
        ["URL", <span class="mono">{maskUrl(fields.url)}</span>],
        ["Events", fields.events.join(", ")],
        ["Method", fields.method],
        ["Format", fields.format],
        ["Filter", fields.filter && <code>{JSON.stringify(fields.filter)}</code>],
        [
          "Headers",
          headerNames.length > 0 && (
            <>
              {headerNames.join(", ")} <span class="muted">(values are hidden)</span>
            </>
          ),
        ],
        ["Timeout", fields.timeout],
        ["Quick retries", fields.retry_count],
        ["Concurrency", fields.concurrency],
        ["Ordering", fields.ordering],
        [
          "Secrets",
          secrets.map(({ createdAt, expiresAt }, index) => (
            <>
              {index > 0 && <br />}
              Set <Time at={at} time={createdAt} />
              {expiresAt && (
                <>
                  , signs until <FullTime at={at} time={expiresAt} />
                </>
              )}
            </>
          )),
        ],
        ["Created", <FullTime at={at} time={createdAt} />],
        ["Changed", <FullTime at={at} time={updatedAt} />],
      ]}
    />
  );
}

function DangerZone(
  { at, webhook: { name, revision }, isOff }: {
    at: PageRequest;
    webhook: StoredWebhook;
    isOff: boolean;
  },
): Child {
  return (
    <Section title="Danger zone" id="danger">
      <div class="row">
        <ActionForm
          at={at}
          path={pathOf(name, "rotate-secret")}
          fields={{ revision }}
          data-confirm="Rotate the secret? The old one also signs for 24 hours."
        >
          <button type="submit">Rotate secret</button>
        </ActionForm>
        <Switch at={at} name={name} isOff={isOff} back={pathOf(name)} />
        <details class="confirm">
          <summary class="button danger">Delete…</summary>
          <ActionForm
            at={at}
            path={pathOf(name, "delete")}
            fields={{ revision }}
            class="stack"
          >
            <p>
              Deletes the webhook and everything stored for it, including pending deliveries. Its
              name can't be reused.
            </p>
            <TextField
              id="confirm-name"
              name="confirm"
              label={`Type “${name}” to confirm`}
              required
            />
            <button type="submit" class="danger">Delete for good</button>
          </ActionForm>
        </details>
      </div>
    </Section>
  );
}

function Secret({ secret }: { secret: string }): Child {
  return (
    <div class="notice ok" role="status">
      <p>
        <strong>Copy the secret now.</strong>{" "}
        The receiver verifies signatures with it. It isn't shown again.
      </p>
      <p>
        <code class="secret">{secret}</code>
      </p>
    </div>
  );
}

function TestResult({ attempt }: { attempt: Attempt }): Child {
  const { verdict, status, duration, error, response } = attempt;
  const isOk = verdict === "delivered";
  return (
    <div class={`notice ${isOk ? "ok" : "error"}`} role="status">
      <p>
        <strong>{isOk ? "The test was delivered." : "The test failed."}</strong>{" "}
        {status === undefined ? "No response" : `Status ${status}`}, took {formatDuration(duration)}
        {error && `: ${error}`}
      </p>
      {response && <Text value={response} label="Response" />}
    </div>
  );
}

/** Returns the path of a webhook's page, or of an action. */
export function pathOf(name: string, action?: string): string {
  return `webhooks/${encodeURIComponent(name)}${action === undefined ? "" : `/${action}`}`;
}
