/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import { link, type PageRequest, type Query } from "./request.ts";

/** The name of the hidden field of every form. */
export const CSRF_FIELD = "csrf";

/** Renders the hidden field of a form that proves where it comes from. */
export function CsrfField({ token }: { token: string }): Child {
  return <input type="hidden" name={CSRF_FIELD} value={token} />;
}

/** Renders a form that sends an action of the console, by `POST`. `path` is that of its route. */
export function ActionForm(
  { at, path, fields = {}, children, ...attributes }: {
    at: PageRequest;
    path: string;
    /** Hidden fields. */
    fields?: Query;
    class?: string;
    id?: string;
    "data-confirm"?: string;
    children?: Child;
  },
): Child {
  return (
    <form method="post" action={link(at, path)} {...attributes}>
      <CsrfField token={at.session.csrf} />
      {Object.entries(fields).filter(([, value]) => value !== undefined).map(([name, value]) => (
        <input type="hidden" name={name} value={String(value)} />
      ))}
      {children}
    </form>
  );
}

type Labeled = {
  name: string;
  label: string;
  value?: string | null | undefined;
  /** For a page with several fields of a name. @default {name} */
  id?: string;
  hint?: string | undefined;
  /** What is wrong with the value. */
  error?: string | undefined;
};

/** Renders a labeled text field: of one line, or with `rows` of several. */
export function TextField(
  { name, label, value, id = name, hint, error, rows, type = "text", ...rest }: Labeled & {
    rows?: number;
    type?: string;
    placeholder?: string;
    required?: boolean;
    maxlength?: number;
  },
): Child {
  const common = { id, name, ...describedBy(id, hint, error), ...rest };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {rows === undefined
        ? <input type={type} value={value ?? ""} autocomplete="off" {...common} />
        : <textarea rows={rows} spellcheck={false} {...common}>{value ?? ""}</textarea>}
      {hint && <span class="hint" id={`${id}-hint`}>{hint}</span>}
      {error && <span class="field-error" id={`${id}-error`}>{error}</span>}
    </div>
  );
}

/** Renders a labeled choice between options, as pairs of value and text. A value that isn't among them is added. */
export function SelectField(
  { name, label, value, options }: Omit<Labeled, "id" | "hint" | "error"> & {
    options: readonly (readonly [value: string, text: string])[];
  },
): Child {
  const isKnown = !value || options.some(([one]) => one === value);
  const all = isKnown ? options : [...options, [value, value] as const];
  return (
    <div class="field">
      <label for={name}>{label}</label>
      <select id={name} name={name}>
        {all.map(([one, text]) => (
          <option value={one} selected={one === (value ?? "")}>{text}</option>
        ))}
      </select>
    </div>
  );
}

/** Returns the attributes that connect a field with its hint and its error, for screen readers. */
function describedBy(id: string, hint: string | undefined, error: string | undefined) {
  const ids = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return {
    ...(error !== undefined && { "aria-invalid": "true" as const }),
    ...(ids !== "" && { "aria-describedby": ids }),
  };
}

/** A column of a table. */
type Column<Row> = {
  readonly label: string;
  /** `number`: right-aligned; `wide`: takes the remaining room; `hidden`: its label is for screen readers. */
  readonly kind?: "number" | "wide" | "hidden";
  readonly cell: (row: Row, index: number) => Child;
};

/** Renders a table. Screen readers read its caption. Columns that are `false` are left out. */
export function Table<Row>(
  { caption, columns, rows }: {
    caption: string;
    columns: readonly (Column<Row> | false)[];
    rows: readonly Row[];
  },
): Child {
  const shown = columns.filter((column) => column !== false);
  return (
    <div class="scroll" role="group" aria-label={caption} tabindex={0}>
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {shown.map(({ label, kind }) => (
              <th scope="col" class={kind === "hidden" ? undefined : kind}>
                {kind === "hidden" ? <span class="unseen">{label}</span> : label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr>
              {shown.map(({ kind, cell }) => <td class={kind}>{cell(row, index)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Renders further lines of a cell, in small type. Those without text are left out. */
export function Lines({ lines }: { lines: readonly (Child | false)[] }): Child {
  return lines.filter((line) => line !== undefined && line !== false && line !== "").map((line) => (
    <>
      <br />
      <small>{line}</small>
    </>
  ));
}

/** Renders the message in place of an empty list: why it is empty, and what to do. */
export function EmptyState(
  { title, children }: { title: string; children?: Child },
): Child {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** The colors of a badge. Its text has the meaning, too. */
export type Tone = "ok" | "warn" | "bad" | "info" | "quiet";

/** Renders a status. */
export function Badge({ tone, children }: { tone: Tone; children?: Child }): Child {
  return <span class={`badge ${tone}`}>{children}</span>;
}

const TONES: Readonly<Record<string, Tone>> = {
  delivered: "ok",
  pending: "info",
  dead: "bad",
  expired: "quiet",
  on: "ok",
  paused: "warn",
  off: "bad",
  deleted: "quiet",
  retry: "warn",
  final: "bad",
  disable: "bad",
};

/** Renders the state of a delivery or of a target, or the verdict of an attempt. */
export function StateBadge({ state }: { state: string }): Child {
  return <Badge tone={TONES[state] ?? "quiet"}>{state}</Badge>;
}

/** Renders a list of names and values. Entries without a value are left out. */
export function Details(
  { entries }: { entries: readonly (readonly [name: string, value: Child | undefined])[] },
): Child {
  return (
    <dl class="details">
      {entries.filter(([, value]) => value || value === 0).map(([name, value]) => (
        <div>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Renders a part of a page, with a heading. */
export function Section(
  { title, id, actions, children }: {
    title: string;
    id: string;
    actions?: Child;
    children?: Child;
  },
): Child {
  return (
    <section aria-labelledby={id}>
      <div class="section-head">
        <h2 id={id}>{title}</h2>
        {actions}
      </div>
      {children}
    </section>
  );
}

/** Renders a time, relative to that of the request, with the time in UTC as its tooltip. */
export function Time({ at, time }: { at: Pick<PageRequest, "now">; time: Date }): Child {
  const utc = formatUtc(time);
  return (
    <time datetime={time.toISOString()} title={utc} data-relative>
      {formatRelative(time.getTime() - at.now)}
    </time>
  );
}

/** Renders a time in UTC, followed by how long ago it is. */
export function FullTime({ at, time }: { at: Pick<PageRequest, "now">; time: Date }): Child {
  return (
    <time datetime={time.toISOString()}>
      {formatUtc(time)} <span class="muted">({formatRelative(time.getTime() - at.now)})</span>
    </time>
  );
}

/** Renders JSON, indented. */
export function Json({ value, label }: { value: unknown; label: string }): Child {
  return (
    <pre class="code" role="group" aria-label={label} tabindex={0}>
      <code>{JSON.stringify(value, null, 2) ?? "undefined"}</code>
    </pre>
  );
}

/** Renders text as it was received: the body of a response, or an error. */
export function Text({ value, label }: { value: string; label: string }): Child {
  return <pre class="code" role="group" aria-label={label} tabindex={0}><code>{value}</code></pre>;
}

/** Returns a time in UTC: `2026-04-22 10:30:01 UTC`. */
export function formatUtc(time: Date): string {
  return `${time.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Returns a duration in milliseconds for people: `450 ms`, `1.2 s`, `3 min`. */
export function formatDuration(milliseconds: number): string {
  const size = Math.abs(milliseconds);
  if (size < 1_000) return `${Math.round(size)} ms`;
  if (size < 60_000) return `${Number((size / 1_000).toFixed(1))} s`;
  if (size < 3_600_000) return `${Math.floor(size / 60_000)} min`;
  if (size < 86_400_000) return `${Math.floor(size / 3_600_000)} h`;
  return `${Math.floor(size / 86_400_000)} d`;
}

/** Returns a number with separators of thousands. */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** Returns how long until a time, or since it. */
function formatRelative(milliseconds: number): string {
  const size = Math.abs(milliseconds);
  if (size < 1_000) return "now";
  const whole = formatDuration(Math.floor(size / 1_000) * 1_000);
  return milliseconds < 0 ? `${whole} ago` : `in ${whole}`;
}
