/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import type { StoredWebhook } from "../../webhook_store/mod.ts";
import { ActionForm } from "./components.tsx";
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
  readonly values: WebhookValues;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly error?: string;
} {
  const values = Object.fromEntries(
    FIELDS.map((name) => [name, (form.get(name) ?? "").replaceAll("\r\n", "\n").trim()]),
  ) as WebhookValues;
  const empty = webhook === undefined ? undefined : null;
  const number = (text: string) => text === "" ? empty : Number(text);
  const fields: Record<string, unknown> = {
    url: values.url,
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
  const headers = readHeaders(values.headers, webhook);
  if (typeof headers === "string") return { values, fields, error: headers };
  if (Object.keys(headers).length > 0) fields["headers"] = headers;
  const known = Object.entries(fields).filter(([, value]) => value !== undefined);
  return { values, fields: Object.fromEntries(known) };
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
        <Input
          name="name"
          label="Name"
          values={values}
          required
          hint="Letters, digits, dots, hyphens, and underscores. It can't be changed or reused."
        />
      )}
      <Input
        name="url"
        label="URL"
        type="url"
        values={values}
        required
        placeholder="https://example.com/hooks"
        hint="It must use https and have a public address."
      />
      <Area
        name="events"
        label="Events"
        values={values}
        required
        rows={3}
        hint="One type on each line, such as tool.called, tool.* or * for all."
      />
      <details open={isAdvanced(values)}>
        <summary>More options</summary>
        <div class="fields">
          <div class="field">
            <label for="format">Format</label>
            <select id="format" name="format">
              {withCurrent(values.format).map(([value, label]) => (
                <option value={value} selected={value === values.format}>{label}</option>
              ))}
            </select>
          </div>
          <Area
            name="headers"
            label="Headers"
            values={values}
            rows={3}
            hint={webhook === undefined
              ? "One on each line, as Name: value. Values are stored encrypted."
              : "Leave a value empty to keep it. Remove the line to remove the header."}
          />
          <Area
            name="filter"
            label="Filter (JSON)"
            values={values}
            rows={3}
            hint='Only events whose payload matches, such as {"name": "bash"}.'
          />
          <Input name="timeout" label="Timeout" values={values} placeholder="10s" />
          <Input
            name="retry_count"
            label="Quick retries"
            type="number"
            values={values}
            placeholder="0"
          />
          <Input
            name="concurrency"
            label="Concurrency"
            type="number"
            values={values}
            placeholder="16"
          />
          <div class="field">
            <label for="ordering">Ordering</label>
            <select id="ordering" name="ordering">
              <option value="">None: fastest</option>
              <option value="session" selected={values.ordering === "session"}>
                By session: each session's events in order
              </option>
            </select>
          </div>
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

type FieldProps = {
  name: FieldName;
  label: string;
  values: WebhookValues;
  required?: boolean;
  hint?: string;
};

function Input(
  { name, label, values, hint, type = "text", ...rest }: FieldProps & {
    type?: string;
    placeholder?: string;
  },
): Child {
  return (
    <div class="field">
      <label for={name}>{label}</label>
      <input
        id={name}
        name={name}
        type={type}
        value={values[name]}
        autocomplete="off"
        {...(hint && { "aria-describedby": `${name}-hint` })}
        {...rest}
      />
      {hint && <span class="hint" id={`${name}-hint`}>{hint}</span>}
    </div>
  );
}

function Area(
  { name, label, values, hint, ...rest }: FieldProps & { rows: number },
): Child {
  return (
    <div class="field">
      <label for={name}>{label}</label>
      <textarea
        id={name}
        name={name}
        spellcheck={false}
        {...(hint && { "aria-describedby": `${name}-hint` })}
        {...rest}
      >
        {values[name]}
      </textarea>
      {hint && <span class="hint" id={`${name}-hint`}>{hint}</span>}
    </div>
  );
}
