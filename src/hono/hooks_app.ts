import { Hono } from "hono";
import { cors } from "hono/cors";
import { checkFunctions, checkObject, inspect } from "../internal/validate.ts";
import {
  checkKnown,
  type Limits,
  OR_INFINITE,
  readCount,
  readDuration,
} from "../internal/options.ts";
import { consoleLogger } from "../core/reporter.ts";
import { Semaphore } from "../internal/async.ts";
import type { HookRegistry, Hooks } from "../core/mod.ts";
import { isOutbox } from "../outbox/is_outbox.ts";
import { createWebhookValidation } from "../webhook/webhook_validation.ts";
import { createAuthenticator } from "./_auth.ts";
import { checkAuth } from "./_check_auth.ts";
import { Feed } from "./_feed.ts";
import { routes } from "./_routes.ts";
import { addRoutes } from "./_serve.ts";
import { addWebhookValidation } from "./_webhook_validation.ts";
import type { AppState } from "./_state.ts";
import type { HooksAppLimits, HooksAppOptions } from "./options.ts";

/**
 * A Hono app; what `createHooksApp` gives.
 *
 * @ignore
 */
export type HooksApp = Hono;

const LIMITS: AppState["limits"] = {
  body: 1024 * 1024,
  headers: 16 * 1024,
  jsonDepth: 64,
  events: 100,
  waits: 1000,
  streams: 1000,
  streamBuffer: 1024 * 1024,
};

/** Half of the shortest time that a documented host lets a connection be silent: Bun's 10 s. */
const HEARTBEAT = 5_000;

/** What each limit may be. */
const LIMITS_OF: Readonly<Record<keyof HooksAppLimits, Limits>> = {
  body: OR_INFINITE,
  headers: OR_INFINITE,
  jsonDepth: { max: 200, advice: "deeper JSON is no payload" },
  events: { max: 100, advice: "more do not fit one commit" },
  waits: OR_INFINITE,
  streams: OR_INFINITE,
  streamBuffer: OR_INFINITE,
};

/** Every option of the app. */
const KNOWN: readonly string[] = [
  ...[
    "tokens",
    "verifyToken",
    "auth",
    "limits",
    "cors",
    "basePath",
    "logger",
    "onError",
    "validate",
  ],
  ...["bodyTimeout", "heartbeat", "pollInterval", "webhookOrigins", "webhookRate"],
];

/**
 * Hooks over HTTP: events come in, and are streamed out; deliveries can be seen, retried and replayed. To be
 * served alone, or mounted in another app:
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
 * In an app of the same Hono version: `app.route("/hooks", createHooksApp(hooks, options))`; in one of
 * another: `app.mount("/hooks", createHooksApp(hooks, options).fetch)`. It answers every path below.
 *
 * @throws {TypeError | RangeError} when an option is ill-formed, or who may use the app is not said
 */
export function createHooksApp<Events extends object>(
  hooks: Hooks<Events>,
  options: HooksAppOptions,
): HooksApp {
  const subject = "Cannot create the hooks app";
  checkOptions(subject, hooks, options);
  const app = new Hono();
  const state = createState(hooks, options);
  addWebhookValidation(app, state, createWebhookValidation(subject, options)); // CORS takes any OPTIONS
  if (options.cors) {
    const { origins } = options.cors;
    app.use(cors({
      origin: origins === "*" ? "*" : [...origins],
      allowMethods: ["GET", "HEAD", "POST"],
      allowHeaders: ["authorization", "content-type", "idempotency-key", "last-event-id"],
      exposeHeaders: [
        "link",
        "retry-after",
        "x-request-id",
        "idempotent-replayed",
        "hooks-heartbeat",
      ],
      maxAge: 600,
    }));
  }
  addRoutes(app, routes, state);
  return app;
}

function createState<Events extends object>(
  hooks: Hooks<Events>,
  options: HooksAppOptions,
): AppState {
  const { logger = consoleLogger, validate = true } = options;
  const { bodyTimeout, heartbeat, pollInterval } = timesOf(options);
  const limits = { ...LIMITS };
  for (const [name, limit] of Object.entries(options.limits ?? {})) {
    if (limit !== undefined) limits[name as keyof HooksAppLimits] = limit;
  }
  const allowed = options.cors?.origins;
  const origins = allowed === undefined || allowed === "*" ? [] : [...allowed];
  const registry = hooks.registry as unknown as HookRegistry;
  const outbox = isOutbox(hooks.outbox) ? hooks.outbox : undefined;
  const feed = outbox && new Feed({ registry, outbox, logger, pollInterval, heartbeat });
  return {
    registry,
    outbox,
    authenticator: createAuthenticator(options, origins),
    limits,
    bodyTimeout,
    validate,
    logger,
    onError: options.onError,
    basePath: options.basePath,
    waits: new Semaphore(limits.waits),
    streams: new Semaphore(limits.streams),
    running: new Set(),
    feed,
  };
}

function checkOptions(subject: string, hooks: unknown, options: HooksAppOptions): void {
  checkObject(subject, "'hooks'", hooks);
  checkObject(subject, "'options'", options);
  const { registry } = hooks as { readonly registry?: unknown };
  checkObject(subject, "the registry of 'hooks'", registry);
  checkKnown(subject, options, KNOWN, { token: "tokens", poll: "pollInterval" });
  checkAuth(subject, options);
  const { limits = {}, cors, basePath, logger, validate = true } = options;
  checkObject(subject, "'limits'", limits);
  checkKnown(`${subject} with these limits`, limits, Object.keys(LIMITS));
  for (const [name, rule] of Object.entries(LIMITS_OF)) {
    readCount(subject, `limits.${name}`, limits[name as keyof HooksAppLimits], rule);
  }
  timesOf(options);
  if (typeof validate !== "boolean") {
    throw new TypeError(`${subject}: 'validate' must be true or false, got ${inspect(validate)}`);
  }
  checkFunctions(subject, options, [], ["onError"]);
  if (logger !== undefined) checkFunctions(subject, logger, ["debug", "info", "warn", "error"]);
  if (cors !== undefined) checkKnown(`${subject} with 'cors'`, cors, ["origins"]);
  if (cors !== undefined && cors?.origins !== "*" && !isTextList(cors?.origins)) {
    throw new TypeError(
      `${subject} as 'cors.origins' must be "*" or a list of origins: current value is ` +
        inspect(cors?.origins),
    );
  }
  if (basePath !== undefined && !/^(?:\/[\w.~-]+)*$/.test(basePath)) {
    throw new TypeError(
      `${subject} as 'basePath' must be a path such as "/hooks": current value is ${
        inspect(basePath)
      }`,
    );
  }
}

function timesOf(
  { bodyTimeout = 10_000, heartbeat = HEARTBEAT, pollInterval = 1_000 }: HooksAppOptions,
) {
  const subject = "Cannot create the hooks app";
  return {
    bodyTimeout: readDuration(subject, "bodyTimeout", bodyTimeout, OR_INFINITE),
    heartbeat: readDuration(subject, "heartbeat", heartbeat, OR_INFINITE),
    pollInterval: readDuration(subject, "pollInterval", pollInterval, OR_INFINITE),
  };
}

function isTextList(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === "string");
}
