/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import { showInvisible } from "../../internal/json_text.ts";
import { type AppContext, respond } from "../context.ts";
import { assets } from "./assets.ts";
import { CsrfField } from "./components.tsx";
import { can, link, type PageRequest } from "./request.ts";
import { type SectionPath, SECTIONS } from "./sections.ts";

/** Only what the console serves itself is loaded, and nothing inline runs. */
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

/** What a page is. */
type PageOptions = {
  /** The heading, and the title of the browser's tab. */
  readonly title: string;
  /** The section that is marked as current in the navigation. */
  readonly section?: SectionPath;
  /** A sentence below the heading. */
  readonly lead?: Child;
  /** Buttons next to the heading. */
  readonly actions?: Child;
  /** Links to the pages above this one, such as `["Events", "events"]`. */
  readonly above?: readonly (readonly [label: string, path: string])[];
  /** @default {200} */
  readonly status?: number;
  /** How often the page shows what is new, in seconds. @default never */
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

function Side({ at, section }: { at: PageRequest; section: SectionPath | undefined }): Child {
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

/** The mark of the product: a hook. */
export function Mark(): Child {
  return (
    <svg class="mark" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
      <rect width="20" height="20" rx="5" />
      <path d="M12.5 4.5v7a3 3 0 0 1-6 0v-1" />
    </svg>
  );
}
