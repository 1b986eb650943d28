/**
 * Apps for generated requests, and a tally of their responses.
 * @module
 */
import { createHooks, type Hooks, withCompiledHook } from "@omniagent/hooks";
import { createHooksApp, type HooksApp, type HooksAppSettings } from "@omniagent/hooks/hono";
import { createOutbox, type Outbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { silentLogger } from "../../support/silent_logger.ts";
import type { FuzzRequest, Operation } from "./requests.ts";
import { known as tokens, TOKENS } from "../helpers.ts";

const settings: HooksAppSettings = {
  logger: silentLogger,
  limits: { body: 65_536, streams: 1, waits: 50 },
};

/** Counts responses, and collects unexpected errors. */
export class Tally {
  readonly seen: Map<string, number> = new Map();
  readonly unexpected: unknown[] = [];
  sent = 0;
  succeeded = 0;

  note(operation: Operation, status: number): void {
    const key = `${operation.method} ${operation.path} ${status}`;
    this.seen.set(key, (this.seen.get(key) ?? 0) + 1);
    this.sent++;
    if (status < 300) this.succeeded++;
  }
}

/** An app of its own, with a hook. */
export type FuzzApp = {
  readonly app: HooksApp;
  readonly hooks: Hooks;
  readonly outbox: Outbox | undefined;
  /** How many deliveries had data that says `hold`. */
  held(): number;
  /** Lets these deliveries be made. */
  go(): void;
};

/** What kinds there are. */
type Kind = "whole" | "no outbox" | "no store" | "no auth";

/** Makes an app. */
export function createFuzzApp(
  tally: Tally,
  kind: Kind,
  now?: () => number,
  more: HooksAppSettings = {},
): FuzzApp {
  const store = memoryStore(now ? { now } : {});
  const outbox = kind === "no outbox" ? undefined : createOutbox(store, { logger: silentLogger });
  let go!: () => void;
  const gate = new Promise<void>((resolve) => go = resolve);
  let held = 0;
  const audit = withCompiledHook({
    name: "audit",
    events: ["tool.called"],
    durable: outbox !== undefined,
    handle: async ({ data }) => {
      if (!(data as { readonly hold?: boolean }).hold) return;
      held++;
      await gate;
    },
  });
  const hooks = createHooks({ logger: silentLogger, outbox, use: [audit] });
  if (kind === "no store") store.close();
  const onError = (error: unknown): void => void tally.unexpected.push(error);
  const auth = kind === "no auth"
    ? { verifyToken: () => Promise.reject(new Error("no connection")) }
    : { tokens };
  // What the others report is what they were made for.
  const app = createHooksApp(hooks, {
    ...auth,
    ...settings,
    ...more,
    ...(kind === "whole" ? { onError } : {}),
  });
  return { app, hooks: hooks as Hooks, outbox, go, held: () => held };
}

/** Sends a request. */
export async function send(
  app: HooksApp,
  { method, path, headers, body }: FuzzRequest,
  token: keyof typeof TOKENS | null = "admin",
): Promise<Response> {
  const authorization = token === null ? {} : { authorization: `Bearer ${TOKENS[token]}` };
  const init = { method, headers: { ...authorization, ...headers }, ...(body ? { body } : {}) };
  return await app.request(`http://hooks.test${path}`, init);
}

/** Returns the text of a response, or the beginning of a stream. */
export async function textOf(response: Response): Promise<string> {
  if (response.headers.get("content-type") !== "text/event-stream") return await response.text();
  const reader = response.body!.getReader();
  const { value } = await reader.read();
  await reader.cancel();
  return new TextDecoder().decode(value);
}

/** One of each kind. */
export type FuzzApps = Readonly<Record<Kind | "streams", FuzzApp>>;

/** Runs with apps; all are closed at the end. */
export async function withApps(
  tally: Tally,
  body: (apps: FuzzApps) => Promise<void>,
): Promise<void> {
  const apps: FuzzApps = {
    whole: createFuzzApp(tally, "whole"),
    streams: createFuzzApp(tally, "whole"), // with few events, as each stream reads the latest
    "no outbox": createFuzzApp(tally, "no outbox"),
    "no store": createFuzzApp(tally, "no store"),
    "no auth": createFuzzApp(tally, "no auth"),
  };
  try {
    await body(apps);
  } finally {
    for (const { hooks, go } of Object.values(apps)) {
      go();
      await hooks.close().catch(() => {});
    }
  }
}
