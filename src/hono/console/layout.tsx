/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import { showInvisible } from "../../internal/json_text.ts";
import { type AppContext, respond } from "../context.ts";
import { type Problem, type ProblemCode, PROBLEMS } from "../problems.ts";
import { assets } from "./assets.ts";
import { CsrfField } from "./components.tsx";
import { can, link, type PageRequest } from "./request.ts";

/** Pages load only files of the console, and run nothing inline. */
const CONTENT_SECURITY_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; " +
  "img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; " +
  "base-uri 'none'";

/** The headers of every response of the console. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": CONTENT_SECURITY_POLICY,
  "cross-origin-opener-policy": "same-origin",
  // With `no-referrer`, browsers would not name the origin of a form either.
  "referrer-policy": "same-origin",
};

/** The sections of the console, in the order of its navigation, and the scopes, one of which is needed. */
const SECTIONS = [
  { path: "", label: "Overview", scopes: ["read"] },
  { path: "events", label: "Events", scopes: ["read"] },
  { path: "deliveries", label: "Deliveries", scopes: ["read"] },
  { path: "dead-letters", label: "Dead letters", scopes: ["read"] },
  { path: "targets", label: "Targets", scopes: ["read"] },
  { path: "webhooks", label: "Webhooks", scopes: ["read"] },
  { path: "gates", label: "Gates", scopes: ["read", "approve"] },
] as const;

/** Options of a page. */
type PageOptions = {
  /** The heading, and the title of the browser's tab. */
  readonly title: string;
  /** The section that is marked as current in the navigation. */
  readonly section?: typeof SECTIONS[number]["path"];
  /** A sentence below the heading. */
  readonly lead?: Child;
  /** Buttons next to the heading. */
  readonly actions?: Child;
  /** Links to the pages above this one, such as `["Events", "events"]`. */
  readonly above?: readonly (readonly [label: string, path: string])[];
  /** @default {200} */
  readonly status?: number;
  /** How often the page reloads itself, in seconds. @default never */
  readonly refresh?: number;
};

/** Responds with a page of someone who is signed in. */
export async function respondPage(
  at: PageRequest,
  options: PageOptions,
  content: Child,
): Promise<Response> {
  const { title, lead, actions, above = [], status = 200, refresh } = options;
  const main = (
    <>
      <div class="head">
        <div>
          {above.length > 0 && (
            <nav aria-label="Breadcrumb" class="crumbs">
              {above.map(([label, path]) => <a href={link(at, path)}>{label}</a>)}
            </nav>
          )}
          <h1>{title}</h1>
          {lead && <p class="lead">{lead}</p>}
        </div>
        {actions && <div class="actions">{actions}</div>}
      </div>
      {at.notice && (
        <p
          class={`notice ${at.notice.kind}`}
          role={at.notice.kind === "error" ? "alert" : "status"}
        >
          {at.notice.text}
        </p>
      )}
      {content}
    </>
  );
  return await respondDocument(at.c, at.root, {
    title,
    status,
    headers: {},
    ...(refresh !== undefined && { refresh }),
    body: (
      <div class="shell">
        <Side at={at} section={options.section} />
        <main id="main" tabindex={-1} data-refresh={refresh}>{main}</main>
      </div>
    ),
  });
}

/** Responds with a page without navigation: the sign-in, or an error of someone who isn't signed in. */
export async function respondBarePage(
  c: AppContext,
  root: string,
  { title, status = 200, headers = {} }: {
    readonly title: string;
    readonly status?: number;
    readonly headers?: Readonly<Record<string, string>>;
  },
  content: Child,
): Promise<Response> {
  const body = <main id="main" class="bare" tabindex={-1}>{content}</main>;
  return await respondDocument(c, root, { title, status, headers, body });
}

async function respondDocument(
  c: AppContext,
  root: string,
  { title, status, headers, body, refresh }: {
    readonly title: string;
    readonly status: number;
    readonly refresh?: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: Child;
  },
): Promise<Response> {
  const { style, script, icon } = await assets();
  const html = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        {refresh !== undefined && (
          <noscript>
            <meta http-equiv="refresh" content={`${refresh * 2}`} />
          </noscript>
        )}
        <title>{`${title} · Hooks`}</title>
        <link rel="icon" type="image/svg+xml" href={root + icon.path} />
        <link rel="stylesheet" href={root + style.path} />
        <script src={root + script.path} defer></script>
      </head>
      <body>
        <a class="skip" href="#main">Skip to content</a>
        {body}
      </body>
    </html>
  );
  // Not in the values that forms send. JSX escapes quotes in text, so that no text looks like one.
  const shown = String(html).replace(
    /(?<= )value="[^"]*"|[^ ]+| +/g,
    (part) => part.startsWith('value="') ? part : showInvisible(part),
  );
  return respond(c, status, `<!doctype html>${shown}`, { ...PAGE_HEADERS, ...headers });
}

function Side({ at, section }: { at: PageRequest; section: PageOptions["section"] }): Child {
  const { identity, isSignedIn, csrf } = at.session;
  return (
    <header class="side">
      <a class="brand" href={link(at, "")}>
        <Mark /> Hooks
      </a>
      <nav aria-label="Console">
        <ul>
          {SECTIONS.filter(({ scopes }) => can(at, ...scopes)).map(({ path, label }) => (
            <li>
              <a href={link(at, path)} aria-current={path === section ? "page" : undefined}>
                {label}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <div class="who">
        <span>
          {identity.name === "" ? "No sign-in" : identity.name}
          <small>{identity.scopes.join(", ")}</small>
        </span>
        {isSignedIn && (
          <form method="post" action={link(at, "sign-out")}>
            <CsrfField token={csrf} />
            <button type="submit" class="quiet">Sign out</button>
          </form>
        )}
      </div>
    </header>
  );
}

/** Renders the mark of the product: a hook. */
export function Mark(): Child {
  return (
    <svg class="mark" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
      <rect width="20" height="20" rx="5" />
      <path d="M12.5 4.5v7a3 3 0 0 1-6 0v-1" />
    </svg>
  );
}

/** How people can fix a problem, if its title doesn't say. */
const ADVICE: { readonly [Code in ProblemCode]?: readonly [title: string, advice: string] } = {
  not_found: ["Page not found", "Check the address, or start again from the overview."],
  event_not_found: [
    "Event not found",
    "Events are deleted when their retention ends. Check the id, or look for it in the list.",
  ],
  scope_missing: [
    "Not allowed",
    "Your token lacks the scope for this. Sign out, and sign in with one that has it.",
  ],
  origin_forbidden: [
    "This form is no longer valid",
    "It belongs to another session, or another page sent it. Go back, reload the page, and try again.",
  ],
  token_missing: ["Your session has ended", "Sign in again."],
  token_invalid: [
    "Not signed in",
    "This app has its own sign-in, and you aren't signed in there. Sign in, then reload this page.",
  ],
  outbox_required: [
    "An outbox is required",
    "Pass an outbox to createHooks: without one, nothing is stored for this page to show.",
  ],
  outbox_unavailable: [
    "The store is unavailable",
    "Nothing is lost: events that were accepted are stored. Reload the page in a moment.",
  ],
  request_invalid: ["The request is invalid", "A value in the address or the form is not valid."],
  internal: ["Something went wrong", "The error is in the server's log."],
};

/** Responds with the page of a problem; with navigation for someone who is signed in. */
export async function respondError(
  c: AppContext,
  root: string,
  { code, errors, extras }: Problem,
  at: PageRequest | undefined,
): Promise<Response> {
  const [status, heading] = PROBLEMS[code];
  const [title, advice] = ADVICE[code] ?? [heading, undefined];
  const content = (
    <div class="stack">
      {advice && <p>{advice}</p>}
      {errors.length > 0 && (
        <ul>{errors.map(({ pointer, detail }) => <li>{`${pointer} ${detail}`}</li>)}</ul>
      )}
      <p class="muted">
        Status {status}. Request <code>{c.get("hooksRequest").id}</code>
      </p>
    </div>
  );
  if (at !== undefined) return await respondPage(at, { title, status }, content);
  const bare = (
    <>
      <h1>
        <Mark /> {title}
      </h1>
      {content}
      {c.get("hooksRequest").app.tokens && (
        <p>
          <a href={`${root}sign-in`}>Go to the sign-in</a>
        </p>
      )}
    </>
  );
  return await respondBarePage(c, root, { title, status, headers: { ...extras.headers } }, bare);
}
