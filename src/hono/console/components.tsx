/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import { link, type PageRequest, type Query } from "./request.ts";

/** The name of the hidden field of every form. */
export const CSRF_FIELD = "csrf";

/** The hidden field of a form that proves where it comes from. */
export function CsrfField({ token }: { token: string }): Child {
  return <input type="hidden" name={CSRF_FIELD} value={token} />;
}

/** A form that sends an action of the console, by `POST`. `path` is that of its route. */
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

/** A column of a table. */
export type Column = {
  readonly label: string;
  /** `number`: right-aligned; `wide`: takes what room is left; `hidden`: its label is for screen readers. */
  readonly kind?: "number" | "wide" | "hidden";
};

/** A table. Its caption is what screen readers call it; `caption` is shown if `showCaption` says so. */
export function Table(
  { caption, showCaption = false, columns, rows, id }: {
    caption: string;
    showCaption?: boolean;
    columns: readonly Column[];
    /** The cells of each row, one for each column. */
    rows: readonly (readonly Child[])[];
    id?: string;
  },
): Child {
  return (
    <div class="scroll" role="group" aria-label={caption} tabindex={0}>
      <table id={id}>
        <caption class={showCaption ? undefined : "unseen"}>{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ label, kind }) => (
              <th scope="col" class={kind === "hidden" ? undefined : kind}>
                {kind === "hidden" ? <span class="unseen">{label}</span> : label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((cells) => (
            <tr>
              {cells.map((cell, at) => <td class={columns[at]?.kind}>{cell}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Links to the first and to the next page of a list. */
export function Pagination(
  { at, path, query, cursor, isShort = false }: {
    at: PageRequest;
    path: string;
    /** The filter of the list, with the cursor of this page. */
    query: Query;
    /** Where the next page begins; undefined on the last page. */
    cursor: string | undefined;
    /** Whether this page stopped looking before it was full. */
    isShort?: boolean;
  },
): Child {
  if (query["cursor"] === undefined && cursor === undefined) return null;
  return (
    <nav aria-label="Pages" class="pages">
      {query["cursor"] !== undefined && (
        <a class="button" href={link(at, path, { ...query, cursor: undefined })}>First page</a>
      )}
      {cursor !== undefined && (
        <a class="button" rel="next" href={link(at, path, { ...query, cursor })}>
          {isShort ? "Keep looking" : "Next page"}
        </a>
      )}
    </nav>
  );
}

/** What a page says that stopped looking before it found anything. `Pagination` has the link that goes on. */
export function NoMatchYet({ items }: { items: string }): Child {
  return (
    <EmptyState title="No match yet">
      <p>
        This page looked for half a second and found none. There are more {items}{" "}
        to look at: keep looking, or narrow the filter.
      </p>
    </EmptyState>
  );
}

/** What a page says instead of an empty list: why it is empty, and what to do. */
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

/** The colors of a badge. What it means is in its text, too. */
export type Tone = "ok" | "warn" | "bad" | "info" | "quiet";

/** A status. */
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

/** The state of a delivery or of a target, or the verdict of an attempt. */
export function StateBadge({ state }: { state: string }): Child {
  return <Badge tone={TONES[state] ?? "quiet"}>{state}</Badge>;
}

/** A list of names and values. Entries without a value are left out. */
export function Details(
  { entries }: { entries: readonly (readonly [name: string, value: Child | undefined])[] },
): Child {
  return (
    <dl class="details">
      {entries.filter(([, value]) => value !== undefined && value !== "").map(([name, value]) => (
        <div>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A part of a page, with a heading. */
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

/** A time, relative to that of the request, with the time in UTC as its tooltip. */
export function Time({ at, time }: { at: Pick<PageRequest, "now">; time: Date }): Child {
  const utc = formatUtc(time);
  return (
    <time datetime={time.toISOString()} title={utc} data-relative>
      {formatRelative(time.getTime() - at.now)}
    </time>
  );
}

/** A time in UTC, followed by how long ago it is. */
export function FullTime({ at, time }: { at: Pick<PageRequest, "now">; time: Date }): Child {
  return (
    <time datetime={time.toISOString()}>
      {formatUtc(time)} <span class="muted">({formatRelative(time.getTime() - at.now)})</span>
    </time>
  );
}

/** JSON, indented. */
export function Json({ value, label }: { value: unknown; label: string }): Child {
  return (
    <pre class="code" role="group" aria-label={label} tabindex={0}>
      <code>{JSON.stringify(value, null, 2) ?? "undefined"}</code>
    </pre>
  );
}

/** Text as it was received: the body of a response, or an error. */
export function Text({ value, label }: { value: string; label: string }): Child {
  return <pre class="code" role="group" aria-label={label} tabindex={0}><code>{value}</code></pre>;
}

/** Returns a time in UTC: `2026-04-22 10:30:01 UTC`. */
export function formatUtc(time: Date): string {
  return `${time.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Returns a duration in milliseconds as people say it: `450 ms`, `1.2 s`, `3 min`. */
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
