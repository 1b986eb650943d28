/**
 * Every page and action of the console, for the tests that try all of them. A test of private files checks
 * that none is missing.
 * @module
 */

/** What someone needs for a page or an action: one of these scopes. `admin` includes the others. */
type ConsoleScope = "read" | "approve" | "admin";

/** A page or an action. */
export type ConsoleRoute = {
  readonly method: "GET" | "POST";
  /** Below the console, with parameters: `events/:id`. */
  readonly path: string;
  readonly scopes: readonly ConsoleScope[];
  /** The fields of its query or its form. */
  readonly fields: readonly string[];
};

const FILTER = ["target", "type", "since", "until"];

const WEBHOOK = [
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
  "revision",
];

/** All of them, except for the sign-in and the sign-out, which need no scope. */
export const CONSOLE_ROUTES: readonly ConsoleRoute[] = [
  route("GET", "", "read,approve", "notice"),
  route("GET", "events", "read", "type", "session", "run", "cursor", "notice"),
  route("GET", "events/stream", "read", "type", "session", "run", "after", "other"),
  route("GET", "events/:id", "read"),
  route("GET", "deliveries", "read", "state", "cursor", ...FILTER),
  route("POST", "deliveries/:target/:id/retry", "admin", "back"),
  route("GET", "dead-letters", "read", "cursor", ...FILTER),
  route("POST", "dead-letters/replay", "admin", "delivery", "back"),
  route("POST", "dead-letters/replay-all", "admin", "state", ...FILTER),
  route("GET", "replays/:id", "read"),
  route("POST", "replays/:id/cancel", "admin", "back"),
  route("GET", "targets", "read", "cursor"),
  route("POST", "targets/:name/enable", "admin", "back"),
  route("POST", "targets/:name/disable", "admin", "back"),
  route("GET", "webhooks", "read", "cursor"),
  route("GET", "new-webhook", "admin", "name"),
  route("POST", "new-webhook", "admin", ...WEBHOOK),
  route("GET", "webhooks/:name", "read"),
  route("GET", "webhooks/:name/edit", "admin"),
  route("POST", "webhooks/:name/edit", "admin", ...WEBHOOK),
  route("POST", "webhooks/:name/test", "admin"),
  route("POST", "webhooks/:name/rotate-secret", "admin", "revision"),
  route("POST", "webhooks/:name/delete", "admin", "confirm", "revision"),
  route("GET", "gates", "read,approve", "outcome", "gate", "tool", "cursor"),
  route("POST", "asks/:id", "approve", "decision", "note", "data", "back"),
];

/** Returns the path of a route with values for its parameters. */
export function pathOf({ path }: ConsoleRoute, values: Readonly<Record<string, string>>): string {
  return path.replace(/:(\w+)/g, (_, name) => {
    const value = values[name];
    if (value === undefined) throw new Error(`No value for :${name} of ${path}`);
    return encodeURIComponent(value);
  });
}

function route(
  method: "GET" | "POST",
  path: string,
  scopes: string,
  ...fields: readonly string[]
): ConsoleRoute {
  return { method, path, scopes: scopes.split(",") as readonly ConsoleScope[], fields };
}
