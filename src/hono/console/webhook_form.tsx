/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import type { StoredWebhook } from "../../webhook_store/mod.ts";
import { pathOf } from "./webhook_details.tsx";
import { ActionForm, SelectField, TextField } from "./components.tsx";
import { link, type PageRequest } from "./request.ts";

/** The values of the form, as text. */
export type WebhookValues = Readonly<Record<FieldName, string>>;

type FieldName = typeof FIELDS[number]["name"];

/** The fields that every webhook has. The name is shown for a new one only. */
const BASIC = [
  {
    name: "name",
    label: "Name",
    required: true,
    hint: "Letters, digits, dots, hyphens, and underscores. It can't be changed or reused.",
  },
  {
    name: "url",
    label: "URL",
    type: "url",
    required: true,
    placeholder: "https://example.com/hooks",
    hint: "It must use https and have a public address.",
  },
  {
    name: "events",
    label: "Events",
    required: true,
    rows: 3,
    hint: "One type on each line, such as tool.called, tool.* or * for all.",
  },
] as const;

const ADVANCED = [
  {
    name: "format",
    label: "Format",
    options: [
      ["", "Native: JSON with type, id and data"],
      ["cloudevents", "CloudEvents, structured"],
      ["cloudevents-binary", "CloudEvents, binary"],
    ],
  },
  {
    name: "headers",
    label: "Headers",
    rows: 3,
    hint: "One on each line, as Name: value. Values are stored encrypted.",
    hintForChange: "Leave a value empty to keep it. Remove the line to remove the header.",
  },
  {
    name: "filter",
    label: "Filter (JSON)",
    rows: 3,
    hint: 'Sends only events that match, such as {"data.name": ["bash"]}.',
  },
  { name: "timeout", label: "Timeout", placeholder: "10s" },
  { name: "retry_count", label: "Quick retries", type: "number", placeholder: "0" },
  { name: "concurrency", label: "Concurrency", type: "number", placeholder: "16" },
  {
    name: "ordering",
    label: "Ordering",
    options: [["", "None: fastest"], ["session", "By session: each session's events in order"]],
  },
] as const;

const FIELDS = [...BASIC, ...ADVANCED] as const;

/** Returns the values of the form for a webhook, or for a new one. */
export function valuesOf(webhook: StoredWebhook | undefined): WebhookValues {
  const fields = (webhook?.fields ?? {}) as Readonly<Record<string, unknown>>;
  const texts = FIELDS.map(({ name }) => [name, String(fields[name] ?? "")]);
  return {
    ...Object.fromEntries(texts) as WebhookValues,
    events: webhook?.fields.events.join("\n") ?? "*",
    headers: webhook?.headerNames.map((name) => `${name}: `).join("\n") ?? "",
    filter: fields["filter"] === undefined ? "" : JSON.stringify(fields["filter"], null, 2),
  };
}

/**
 * Reads the form. `fields` are the fields to store or, with a webhook, to change, where null removes a field.
 * A header without a value stays as it is.
 */
export function readWebhook(form: URLSearchParams, webhook?: StoredWebhook): {
  /** The values to show again if the form is rejected, without anything that may be secret. */
  readonly values: WebhookValues;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly error?: string;
} {
  const given = Object.fromEntries(
    FIELDS.map(({ name }) => [name, (form.get(name) ?? "").replaceAll("\r\n", "\n").trim()]),
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

/** Renders the form that creates a webhook, or changes one. */
export function WebhookForm(
  { at, path, webhook, values }: {
    at: PageRequest;
    path: string;
    webhook: StoredWebhook | undefined;
    values: WebhookValues;
  },
): Child {
  const isNew = webhook === undefined;
  const basic = BASIC.filter(({ name }) => isNew || name !== "name");
  const isAdvanced = ADVANCED.some(({ name }) => values[name] !== "");
  return (
    <ActionForm at={at} path={path} class="fields" fields={{ revision: webhook?.revision }}>
      {basic.map((field) => <TextField value={values[field.name]} {...field} />)}
      <details open={isAdvanced}>
        <summary>More options</summary>
        <div class="fields">
          {ADVANCED.map((field) => {
            const value = values[field.name];
            if ("options" in field) return <SelectField value={value} {...field} />;
            if (!("hintForChange" in field)) return <TextField value={value} {...field} />;
            const { hint, hintForChange, ...rest } = field;
            return <TextField value={value} {...rest} hint={isNew ? hint : hintForChange} />;
          })}
        </div>
      </details>
      <div class="row">
        <button type="submit" class="primary">{isNew ? "Create webhook" : "Save changes"}</button>
        <a class="button" href={link(at, isNew ? "webhooks" : pathOf(webhook.name))}>Cancel</a>
      </div>
    </ActionForm>
  );
}
