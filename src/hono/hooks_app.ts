import { Hono } from "hono";
import { cors } from "hono/cors";
import { routePath } from "hono/route";
import type { HookRegistry, Hooks } from "../core/mod.ts";
import { Semaphore } from "../internal/async.ts";
import { checkObject } from "../internal/validate.ts";
import { isOutbox } from "../outbox/types.ts";
import { createWebhookValidation } from "../webhook/handshake.ts";
import { AgentSessions } from "./agent_sessions.ts";
import { askLinkRoutes, askRoutes } from "./asks.ts";
import { createAuthenticator, tokensOf } from "./auth.ts";
import { type AppEnv, type AppState, respond } from "./context.ts";
import { decisionRoutes } from "./decisions.ts";
import { deliveryRoutes } from "./deliveries.ts";
import { LiveEvents } from "./stream/live.ts";
import { eventRoutes } from "./events.ts";
import { gateRoutes } from "./gates.ts";
import { openapiRoute } from "./openapi.ts";
import { type HooksAppOptions, readSettings } from "./options.ts";
import { postEventsRoute } from "./post_events.ts";
import { Problem } from "./problems.ts";
import { replayRoutes } from "./replays.ts";
import { addRoutes, createHandler, type Route } from "./router.ts";
import { serviceRoutes } from "./service.ts";
import { targetRoutes } from "./targets.ts";
import { webhookRoutes } from "./webhooks.ts";

/**
 * A Hono app, as `createHooksApp` returns it.
 *
 * @ignore
 */
export type HooksApp = Hono;

const resources: readonly Route[] = [
  postEventsRoute,
  ...eventRoutes,
  ...deliveryRoutes,
  ...replayRoutes,
  ...targetRoutes,
  ...webhookRoutes,
  ...decisionRoutes,
  ...askRoutes,
  ...gateRoutes,
  ...serviceRoutes,
];
/** Links are pages for people: they are not in the document of the API. */
const routes: readonly Route[] = [...resources, ...askLinkRoutes, openapiRoute(resources)];

/**
 * Creates a Hono app that serves hooks over HTTP: it accepts and streams events, and lets you inspect,
 * retry and replay deliveries. Serve it alone, or mount it in another app:
 *
 * ```ts
 * import { createHooks } from "@omniagent/hooks";
 * import { createHooksApp } from "@omniagent/hooks/hono";
 *
 * const hooks = createHooks();
 * hooks.on("message.received", (event) => console.log(event.data.content));
 * const app = createHooksApp(hooks, {
 *   tokens: [{ name: "ci", token: "a-secret-of-16-or-more", scopes: ["emit"] }],
 * });
 * await app.request("/events", {
 *   method: "POST",
 *   headers: {
 *     authorization: "Bearer a-secret-of-16-or-more",
 *     "content-type": "application/json",
 *   },
 *   body: '{"type":"message.received","data":{"role":"user","content":"hello"}}',
 * });
 * await hooks.close();
 * ```
 *
 * In an app of the same Hono version: `app.route("/hooks", createHooksApp(hooks, options))`; of another
 * version: `app.mount("/hooks", createHooksApp(hooks, options).fetch)`. The app responds to every path
 * below the one where it is mounted.
 *
 * @throws {TypeError | RangeError} when an option is invalid, or none says who may use the app
 */
export function createHooksApp<Events extends object>(
  hooks: Hooks<Events>,
  options: HooksAppOptions,
): HooksApp {
  const subject = "Cannot create the hooks app";
  const state = createState(subject, hooks as unknown as Hooks, options);
  const app = new Hono<AppEnv>();
  addWebhookValidation(app, state, createWebhookValidation(subject, options)); // CORS takes any OPTIONS
  if (state.origins) app.use(createCors(state.origins));
  if (state.console) addConsole(app, state);
  addRoutes(app, state, routes);
  return app as unknown as HooksApp;
}

function createState(subject: string, hooks: Hooks, options: HooksAppOptions): AppState {
  checkObject(subject, "'hooks'", hooks);
  checkObject(subject, "the registry of 'hooks'", hooks.registry);
  const settings = readSettings(subject, options);
  const { origins, limits, logger, pollInterval, heartbeat } = settings;
  const registry: HookRegistry = hooks.registry;
  const outbox = isOutbox(hooks.outbox) ? hooks.outbox : undefined;
  const { webhooks } = options;
  const state: AppState = {
    ...settings,
    registry,
    outbox,
    authenticate: createAuthenticator(subject, options, origins === "*" ? [] : origins ?? []),
    tokens: tokensOf(options),
    waits: new Semaphore(limits.waits),
    streams: new Semaphore(limits.streams),
    keysInProgress: new Set(),
    agentSessions: new AgentSessions(registry, outbox !== undefined),
    liveEvents: outbox &&
      new LiveEvents({ registry, outbox, logger, pollInterval, heartbeat }),
    webhooks,
  };
  // Last: nothing may stay registered if an option is invalid.
  if (webhooks && !webhooks.isConnected) webhooks.connect(hooks);
  return state;
}

function createCors(origins: readonly string[] | "*"): ReturnType<typeof cors> {
  return cors({
    origin: origins === "*" ? "*" : [...origins],
    allowMethods: ["GET", "HEAD", "POST", "PATCH", "DELETE"],
    allowHeaders: ["authorization", "content-type", "idempotency-key", "if-match", "last-event-id"],
    exposeHeaders: [
      "etag",
      "link",
      "retry-after",
      "x-request-id",
      "idempotent-replayed",
      "hooks-heartbeat",
    ],
    maxAge: 600,
  });
}

/**
 * Responds to senders of CloudEvents that ask whether they may post events. This needs no token, because
 * it grants nothing: a sender that posts needs one. Other `OPTIONS` requests continue to CORS and the
 * routes.
 */
function addWebhookValidation(
  app: Hono<AppEnv>,
  state: AppState,
  validate: ReturnType<typeof createWebhookValidation>,
): void {
  const { path } = postEventsRoute;
  const allow = "POST, GET, HEAD";
  app.options(path, async (c, next) => {
    const permission = validate(c.req.raw);
    if (permission === undefined) return await next();
    const respondTo = createHandler(state, path, (c) => {
      if ("headers" in permission) return respond(c, 200, null, permission.headers);
      const members = { detail: permission.rejected };
      throw new Problem("method_not_allowed", { headers: { allow }, members });
    });
    return await respondTo(c);
  });
}

/** The console, once it was opened: apps that don't use it load none of its pages. */
let loading: Promise<typeof import("./console/console.ts")> | undefined;

/** Adds the web console at `/console`. */
function addConsole(app: Hono<AppEnv>, state: AppState): void {
  // Links in the console are relative, so that it works wherever the app is mounted: they need the slash.
  const redirect = createHandler(state, "/console", (c) => {
    return respond(c, 308, null, { location: `console/${new URL(c.req.raw.url).search}` });
  });
  app.get("/console", redirect);
  app.all("/console/:path{.*}", async (c) => {
    const { respondConsole, respondConsoleProblem } =
      await (loading ??= import("./console/console.ts"));
    const depth = routePath(c).split("/").length - 1; // slashes before what the console routes
    const handle = createHandler(
      state,
      "/console/*",
      (c) => respondConsole(c, depth),
      (c, problem) => respondConsoleProblem(c, problem, depth),
    );
    return await handle(c);
  });
}
