/**
 * A worker that sends what a request asks for.
 * @module
 */
import { createHooks, DispatchError, type Hooks, type Logger, WebhookHook } from "@omniagent/hooks";
import { WebhookError } from "@omniagent/hooks/webhook";
import {
  addressGuardCapabilities,
  AddressNotAllowedError,
  createAddressGuard,
} from "@omniagent/hooks/webhook";
import { type Job, type Outcome, SECRET } from "./shared.ts";

interface Environment {
  /** The receiver, without a connection in between. */
  readonly RECEIVER: { fetch: typeof fetch };
}

interface ExecutionContext {
  waitUntil(promise: Promise<unknown>): void;
}

// Made while the module loads, where workerd allows neither randomness nor timers nor requests.
const counted: Record<string, number> = {};
const atImport = createHooks();
atImport.on("*", ({ type }) => void (counted[type] = (counted[type] ?? 0) + 1));
/** Failures are part of the response, and judged by the caller. */
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const guard = createAddressGuard();
const shared = new Map<string, Hooks>();

const routes: Readonly<
  Record<string, (job: Job, env: Environment, ctx: ExecutionContext) => unknown>
> = {
  "/import": async () => {
    const { id } = await atImport.emit("tool.called", { name: "bash" });
    const host = ["process", "Buffer", "require"].filter((name) => name in globalThis);
    return { host, counted, id };
  },
  "/emit": emit,
  "/emit-in-background": async (job, env, ctx) => {
    const waitUntil = (promise: Promise<unknown>): void => ctx.waitUntil(promise);
    const options = job.waitUntil ? { waitUntil } : {};
    hooksFor(job, env).emitInBackground("tool.called", { name: "bash" }, options);
    if (job.respondAfter) await (await fetch(job.respondAfter)).text();
    return {};
  },
  "/handler-timeout": async () => {
    const hooks = createHooks({ logger: silent });
    hooks.on("tool.called", () => new Promise(() => {}), { timeout: 20 });
    const emitted = hooks.emit("tool.called", { name: "bash" });
    const error: unknown = await emitted.catch((error: unknown) => error);
    return { failure: error instanceof DispatchError ? String(error.failures[0]?.error) : "" };
  },
  "/guard": async ({ url }) => {
    const error = await guard.check(url).catch((error: unknown) => error);
    if (error !== undefined && !(error instanceof AddressNotAllowedError)) throw error;
    return { error: error?.message, own: guard.capabilities, platform: addressGuardCapabilities() };
  },
};

export default {
  async fetch(request: Request, env: Environment, ctx: ExecutionContext): Promise<Response> {
    const handle = routes[new URL(request.url).pathname]!;
    try {
      return Response.json(await handle(await request.json(), env, ctx));
    } catch (error) {
      return new Response(String(Object(error).stack), { status: 500 });
    }
  },
};

async function emit(job: Job, env: Environment): Promise<Outcome> {
  const session = { sessionId: "s-1" };
  const options = job.abortAfter
    ? { ...session, signal: AbortSignal.timeout(job.abortAfter) }
    : session;
  try {
    const { id } = await hooksFor(job, env).emit("tool.called", { name: "bash" }, options);
    return { id, failures: [] };
  } catch (error) {
    const [failure] = error instanceof DispatchError ? error.failures : [];
    if (!(failure?.error instanceof WebhookError)) throw error;
    return { id: "", failures: failure.error.attempts.map(({ error }) => error ?? "") };
  }
}

function hooksFor(job: Job, env: Environment): Hooks {
  if (job.shared === undefined) return makeHooks(job, env);
  const hooks = shared.get(job.shared) ?? makeHooks(job, env);
  shared.set(job.shared, hooks);
  return hooks;
}

function makeHooks(job: Job, env: Environment): Hooks {
  const { url, secret = SECRET, timeout, retryCount, format } = job;
  const bound: typeof fetch = (input, init) => env.RECEIVER.fetch(input, init);
  const hooks = createHooks({ logger: silent });
  hooks.use(
    new WebhookHook({
      name: "audit",
      events: ["tool.*"],
      retryDelay: 1,
      ...{ url, secret, timeout, retryCount, format },
      fetch: job.binding ? bound : undefined,
    }),
  );
  return hooks;
}
