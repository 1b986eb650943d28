import { Hono } from "hono";
import { cors } from "hono/cors";
import {
  checkFunctions,
  checkObject,
  checkPositive,
  consoleLogger,
  show,
  Slots,
} from "../core/kit.ts";
import type { HookRegistry, Hooks } from "../core/mod.ts";
import { isOutbox } from "../outbox/is_outbox.ts";
import { createAuthenticator } from "./_auth.ts";
import { checkAuth } from "./_check_auth.ts";
import { Feed } from "./_feed.ts";
import { routes } from "./_routes.ts";
import { addRoutes } from "./_serve.ts";
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

/** Events of a batch that one commit has room for. */
const MOST_EVENTS = 100;
/** Deeper JSON is no payload: core refuses it. */
const MOST_DEPTH = 200;

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
  if (options.cors) {
    const { origins } = options.cors;
    app.use(cors({
      origin: origins === "*" ? "*" : [...origins],
      allowMethods: ["GET", "HEAD", "POST"],
      allowHeaders: ["authorization", "content-type", "idempotency-key", "last-event-id"],
      exposeHeaders: ["link", "retry-after", "x-request-id", "idempotent-replayed"],
      maxAge: 600,
    }));
  }
  addRoutes(app, routes, createState(hooks, options));
  return app;
}

function createState<Events extends object>(
  hooks: Hooks<Events>,
  options: HooksAppOptions,
): AppState {
  const { logger = consoleLogger, heartbeat = 15_000, pollInterval = 1_000 } = options;
  const limits = { ...LIMITS };
  for (const [name, limit] of Object.entries(options.limits ?? {})) {
    if (limit !== undefined) limits[name as keyof HooksAppLimits] = limit;
  }
  const registry = hooks.registry as unknown as HookRegistry;
  const outbox = isOutbox(hooks.outbox) ? hooks.outbox : undefined;
  const feed = outbox && new Feed({ registry, outbox, logger, pollInterval, heartbeat });
  return {
    registry,
    outbox,
    authenticator: createAuthenticator(options),
    limits,
    logger,
    onError: options.onError,
    basePath: options.basePath,
    waits: new Slots(limits.waits),
    streams: new Slots(limits.streams),
    running: new Set(),
    feed,
  };
}

function checkOptions(subject: string, hooks: unknown, options: HooksAppOptions): void {
  checkObject(subject, "'hooks'", hooks);
  checkObject(subject, "'options'", options);
  const { registry } = hooks as { readonly registry?: unknown };
  checkObject(subject, "the registry of 'hooks'", registry);
  checkAuth(subject, options);
  const { limits = {}, cors, basePath, logger, heartbeat, pollInterval } = options;
  checkObject(subject, "'limits'", limits);
  for (const [name, limit] of Object.entries(limits)) {
    if (!Object.hasOwn(LIMITS, name)) {
      throw new TypeError(`${subject} as there is no limit ${show(name)}`);
    }
    checkPositive(subject, name, limit);
  }
  checkAtMost(subject, "events", limits.events, MOST_EVENTS);
  checkAtMost(subject, "jsonDepth", limits.jsonDepth, MOST_DEPTH);
  checkPositive(subject, "heartbeat", heartbeat);
  checkPositive(subject, "pollInterval", pollInterval);
  checkFunctions(subject, options, [], ["onError"]);
  if (logger !== undefined) checkFunctions(subject, logger, ["debug", "info", "warn", "error"]);
  if (cors !== undefined && cors?.origins !== "*" && !isTextList(cors?.origins)) {
    throw new TypeError(
      `${subject} as 'cors.origins' must be "*" or a list of origins: current value is ` +
        show(cors?.origins),
    );
  }
  if (basePath !== undefined && !/^(?:\/[\w.~-]+)*$/.test(basePath)) {
    throw new TypeError(
      `${subject} as 'basePath' must be a path such as "/hooks": current value is ${
        show(basePath)
      }`,
    );
  }
}

function checkAtMost(subject: string, name: string, value: number | undefined, most: number): void {
  if (value === undefined || value <= most) return;
  throw new RangeError(
    `${subject} as '${name}' must be at most ${most}: current value is ${value}`,
  );
}

function isTextList(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === "string");
}
