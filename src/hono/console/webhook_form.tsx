/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import type { StoredWebhook } from "../../webhook_store/mod.ts";
import { ActionForm } from "./components.tsx";
import { SelectField, TextField } from "./fields.tsx";
import { link, type PageRequest } from "./request.ts";

/** What the fields of the form contain, as text. */
export type WebhookValues = Readonly<Record<FieldName, string>>;

type FieldName = typeof FIELDS[number];

const FIELDS = [
  "name",
  "url",
  "events",
  "format",
  "headers",
  "filter",
  "timeout",
  "retry_count",
  "concurrency",
  "ordering",
] as const;

const FORMATS = [
  ["", "Native: JSON with type, id and data"],
  ["cloudevents", "CloudEvents, structured"],
  ["cloudevents-binary", "CloudEvents, binary"],
] as const;

/** Returns the values of the form for a webhook, or for a new one. */
export function valuesOf(webhook: StoredWebhook | undefined): WebhookValues {
  const fields = (webhook?.fields ?? {}) as Readonly<Record<string, unknown>>;
  const text = (name: string): string => fields[name] === undefined ? "" : String(fields[name]);
  return {
    name: webhook?.name ?? "",
    url: text("url"),
    events: webhook?.fields.events.join("\n") ?? "*",
    format: text("format"),
    headers: webhook?.headerNames.map((name) => `${name}: `).join("\n") ?? "",
    filter: fields["filter"] === undefined ? "" : JSON.stringify(fields["filter"], null, 2),
    timeout: text("timeout"),
    retry_count: text("retry_count"),
    concurrency: text("concurrency"),
    ordering: text("ordering"),
  };
}

/**
 * Reads the form. `fields` is what to store: with a webhook, what to change, where null removes a field. A
 * header without a value stays as it is.
 */
export function readWebhook(form: URLSearchParams, webhook?: StoredWebhook): {
  /** What to show again if the form is rejected, without anything that may be secret. */
  readonly values: WebhookValues;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly error?: string;
} {
  const given = Object.fromEntries(
    FIELDS.map((name) => [name, (form.get(name) ?? "").replaceAll("\r\n", "\n").trim()]),
  ) as WebhookValues;
  const values = {
    ...given,
    url: withoutCredentials(given.url),
    headers: given.headers.replace(/^[^\S\n]*([^\s:]*).*$/gm, (_, name) => name && `${name}: `),
  };
  const empty = webhook === undefined ? undefined : null;
  const number = (text: string) => text === "" ? empty : Number(text);
  const fields: Record<string, unknown> = {
    url: given.url,
    events: values.events.split(/[\s,]+/).filter((event) => event !== ""),
    format: values.format || empty,
    timeout: values.timeout || empty,
    retry_count: number(values.retry_count),
    concurrency: number(values.concurrency),
    ordering: values.ordering || empty,
    filter: empty,
  };
  try {
    if (values.filter !== "") fields["filter"] = JSON.parse(values.filter);
  } catch {
    return { values, fields, error: "The filter isn't JSON." };
  }
  const headers = readHeaders(given.headers, webhook);
  if (typeof headers === "string") return { values, fields, error: headers };
  if (Object.keys(headers).length > 0) fields["headers"] = headers;
  const known = Object.entries(fields).filter(([, value]) => value !== undefined);
  return { values, fields: Object.fromEntries(known) };
}

function withoutCredentials(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.username + url.password === "") return text;
  return Object.assign(url, { username: "", password: "" }).href;
}

function readHeaders(
  text: string,
  webhook: StoredWebhook | undefined,
): Readonly<Record<string, string | null>> | string {
  const headers: Record<string, string | null> = {};
  const listed = new Set<string>();
  for (const line of text.split("\n").filter((line) => line.trim() !== "")) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).trim();
    if (colon <= 0 || name === "") return "Write each header on a line of its own, as Name: value.";
    const value = line.slice(colon + 1).trim();
    listed.add(name.toLowerCase());
    if (value !== "") headers[name] = value;
    else if (webhook === undefined) return `The header ${name} needs a value.`;
  }
  for (const name of webhook?.headerNames ?? []) {
    if (!listed.has(name.toLowerCase())) headers[name] = null;
  }
  return headers;
}

/** The form that creates a webhook, or changes one. */
export function WebhookForm(
  { at, path, webhook, values }: {
    at: PageRequest;
    path: string;
    webhook: StoredWebhook | undefined;
    values: WebhookValues;
  },
): Child {
  const back = webhook === undefined ? "webhooks" : `webhooks/${encodeURIComponent(webhook.name)}`;
  return (
    <ActionForm at={at} path={path} class="fields" fields={{ revision: webhook?.revision }}>
      {webhook === undefined && (
        <TextField
          name="name"
          label="Name"
          value={values.name}
          required
          hint="Letters, digits, dots, hyphens, and underscores. It can't be changed or reused."
        />
      )}
      <TextField
        name="url"
        label="URL"
        type="url"
        value={values.url}
        required
        placeholder="https://example.com/hooks"
        hint="It must use https and have a public address."
      />
      <TextField
        name="events"
        label="Events"
        value={values.events}
        required
        rows={3}
        hint="One type on each line, such as tool.called, tool.* or * for all."
      />
      <details open={isAdvanced(values)}>
        <summary>More options</summary>
        <div class="fields">
          <SelectField
            name="format"
            label="Format"
            value={values.format}
            options={withCurrent(values.format)}
          />
          <TextField
            name="headers"
            label="Headers"
            value={values.headers}
            rows={3}
            hint={webhook === undefined
              ? "One on each line, as Name: value. Values are stored encrypted."
              : "Leave a value empty to keep it. Remove the line to remove the header."}
          />
          <TextField
            name="filter"
            label="Filter (JSON)"
            value={values.filter}
            rows={3}
            hint='Sends only events that match, such as {"data.name": ["bash"]}.'
          />
          <TextField name="timeout" label="Timeout" value={values.timeout} placeholder="10s" />
          <TextField
            name="retry_count"
            label="Quick retries"
            type="number"
            value={values.retry_count}
            placeholder="0"
          />
          <TextField
            name="concurrency"
            label="Concurrency"
            type="number"
            value={values.concurrency}
            placeholder="16"
          />
          <SelectField
            name="ordering"
            label="Ordering"
            value={values.ordering}
            options={[
              ["", "None: fastest"],
              ["session", "By session: each session's events in order"],
            ]}
          />
        </div>
      </details>
      <div class="row">
        <button type="submit" class="primary">
          {webhook === undefined ? "Create webhook" : "Save changes"}
        </button>
        <a class="button" href={link(at, back)}>Cancel</a>
      </div>
    </ActionForm>
  );
}

function isAdvanced(values: WebhookValues): boolean {
  const basic = ["name", "url", "events"];
  return FIELDS.some((name) => !basic.includes(name) && values[name] !== "");
}

function withCurrent(format: string): readonly (readonly [string, string])[] {
  return FORMATS.some(([value]) => value === format) ? FORMATS : [...FORMATS, [format, format]];
}
