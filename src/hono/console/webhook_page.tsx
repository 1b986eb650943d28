/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import type { Attempt } from "../../core/mod.ts";
import { maskUrl } from "../../internal/mask_url.ts";
import type { Endpoint } from "../../outbox/mod.ts";
import type { StoredWebhook, WebhookStore } from "../../webhook_store/mod.ts";
import { Problem } from "../problems.ts";
import {
  ActionForm,
  Details,
  formatDuration,
  FullTime,
  Section,
  StateBadge,
  Text,
  Time,
} from "./components.tsx";
import { TextField } from "./fields.tsx";
import { respondPage } from "./layout.tsx";
import { can, link, type Notice, outboxOf, type PageRequest } from "./request.ts";

/** What the page of a webhook shows once, right after an action. */
type Outcome = {
  readonly notice?: Notice;
  readonly secret?: string;
  readonly tested?: Attempt;
};

/** Responds with the page of a webhook. */
export async function showWebhook(at: PageRequest, outcome: Outcome = {}): Promise<Response> {
  const webhook = await readStored(at);
  const { name, problem } = webhook;
  const { state, reason } = await outboxOf(at).endpoint(name);
  const { secret, tested } = outcome;
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
  const here = outcome.notice === undefined ? at : { ...at, notice: outcome.notice };
  return await respondPage(here, {
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
        ["Why it is off", state === "off" ? reason : undefined],
        ["URL", <span class="mono">{maskUrl(fields.url)}</span>],
        ["Events", fields.events.join(", ")],
        ["Method", fields.method],
        ["Format", fields.format],
        ["Filter", fields.filter && <code>{JSON.stringify(fields.filter)}</code>],
        [
          "Headers",
          headerNames.length === 0 ? undefined : (
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
        <Switch at={at} name={name} isOff={isOff} />
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

function Switch({ at, name, isOff }: { at: PageRequest; name: string; isOff: boolean }): Child {
  const path = `targets/${encodeURIComponent(name)}/${isOff ? "enable" : "disable"}`;
  return (
    <ActionForm
      at={at}
      path={path}
      fields={{ back: pathOf(name) }}
      {...(!isOff && {
        "data-confirm": `Disable ${name}? Its events are held until you enable it again.`,
      })}
    >
      <button type="submit">{isOff ? "Enable" : "Disable"}</button>
    </ActionForm>
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

/** Returns the stored webhooks. @throws {Problem} when the server stores none */
export function requireStore(at: PageRequest): WebhookStore {
  const { webhooks } = at.c.get("hooksRequest").app;
  if (webhooks === undefined) throw new Problem("webhooks_disabled");
  return webhooks;
}

/** Reads the webhook that the path names. @throws {Problem} when it isn't stored */
export async function readStored(at: PageRequest): Promise<StoredWebhook> {
  const webhook = await requireStore(at).get(at.params["name"]!);
  if (webhook === undefined) throw new Problem("webhook_not_found");
  return webhook;
}

/** Returns the path of a webhook's page, or of an action. */
export function pathOf(name: string, action?: string): string {
  return `webhooks/${encodeURIComponent(name)}${action === undefined ? "" : `/${action}`}`;
}
