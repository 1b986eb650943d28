/**
 * Apps to send, and what to send them.
 * @module
 */
import { Hono } from "hono";
import { type AgentEvents, createHooks, type Hooks, type HooksOptions } from "@omniagent/hooks";
import { createHooksApp, type HooksAppSettings, type Token } from "@omniagent/hooks/hono";
import { createOutbox, type Outbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { createAddressGuard } from "@omniagent/hooks/webhook";
import {
  generateEncryptionKey,
  webhookStore,
  type WebhookStoreOptions,
} from "@omniagent/hooks/webhook-store";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

/** A token for each scope, and two that are worth nothing. */
export const TOKENS = {
  emit: "emit-0123456789abcdef",
  decide: "decide-0123456789abcdef",
  read: "read-0123456789abcdef",
  approve: "approve-0123456789abcdef",
  admin: "admin-0123456789abcdef",
  expired: "expired-0123456789abcdef",
  unknown: "unknown-0123456789abcdef",
} as const;

const YEAR = 365 * 24 * 60 * 60 * 1000;

/** What the app knows of them. */
export const known: readonly Token[] = [
  ...(["emit", "decide", "read", "approve", "admin"] as const).map((scope) => ({
    name: scope,
    token: TOKENS[scope],
    scopes: [scope],
    expiresAt: new Date(Date.now() + YEAR),
  })),
  {
    name: "expired",
    token: TOKENS.expired,
    scopes: ["emit", "read", "admin"],
    expiresAt: new Date(Date.now() - 1),
  },
];

/** Stored webhooks whose names all lead to a public address, and whose receivers accept everything. */
export const webhooks: Omit<WebhookStoreOptions, "prefix"> = {
  encryptionKey: generateEncryptionKey(),
  guard: createAddressGuard({ resolve: () => Promise.resolve(["93.184.216.34"]) }),
  fetch: () => Promise.resolve(new Response(null, { status: 204 })),
};

/** An app with everything beneath it. */
export type Setup = {
  readonly hooks: Hooks<AgentEvents>;
  readonly outbox: Outbox | undefined;
  /** Errors that no one expected. */
  readonly errors: readonly unknown[];
  /** Sends a request, as an admin unless the headers say otherwise; the path is without that of the mount. */
  send(path: string, init?: SendOptions): Promise<Response>;
  /** Where the app is mounted: empty, or a path. */
  readonly base: string;
};

/** A request. */
export type SendOptions = {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes and text as they are, all else as JSON. */
  readonly body?: unknown;
  /** Which of `TOKENS`; null: none. @default {"admin"} */
  readonly token?: keyof typeof TOKENS | null;
};

/** How a test's app is made. */
export type SetupOptions = {
  /** @default {true} */
  readonly outbox?: boolean;
  readonly hooks?: HooksOptions<AgentEvents>;
  /** Serves stored webhooks. */
  readonly webhooks?: Omit<WebhookStoreOptions, "prefix">;
  readonly app?: HooksAppSettings & { readonly tokens?: readonly Token[] };
};

/** Runs with an app at each of two places; everything is closed at the end. */
export function testApp(
  name: string,
  options: SetupOptions,
  body: (setup: Setup) => Promise<void>,
): void {
  for (const base of ["", "/a/b"]) {
    test(`${name} (at ${base || "/"})`, () => withApp(options, body, base));
  }
}

/** Runs with an app. */
export async function withApp(
  { outbox: hasOutbox = true, hooks: hooksOptions, app: appOptions, webhooks }: SetupOptions,
  body: (setup: Setup) => Promise<void>,
  base = "",
): Promise<void> {
  const store = memoryStore();
  const outbox = hasOutbox ? createOutbox(store, { logger: silentLogger }) : undefined;
  const hooks = createHooks<AgentEvents>({ logger: silentLogger, ...hooksOptions, outbox });
  const errors: unknown[] = [];
  const app = createHooksApp(hooks, {
    tokens: known,
    logger: silentLogger,
    onError: (error) => errors.push(error),
    ...(webhooks && { webhooks: webhookStore(store, webhooks) }),
    ...appOptions,
  });
  const served = base === "" ? app : new Hono().route(base, app);
  const send: Setup["send"] = async (path, { token = "admin", ...init } = {}) =>
    await served.request(`http://hooks.test${base}${path}`, requestInit(token, init));
  try {
    await body({ hooks, outbox, errors, send, base });
  } finally {
    await hooks.close();
  }
}

function requestInit(
  token: keyof typeof TOKENS | null,
  { method, headers = {}, body }: SendOptions,
): RequestInit {
  const isRaw = typeof body === "string" || body instanceof Uint8Array;
  const raw = body === undefined || isRaw ? body : JSON.stringify(body);
  return {
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${TOKENS[token]}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(raw === undefined ? {} : { body: raw as BodyInit }),
  };
}

/** Longest wait of a test for one thing, in milliseconds. */
const TIMEOUT = 60_000;

/** What a promise gives. @throws {Error} when it does not within a minute, with what was waited for */
export async function inTime<Value>(
  what: string,
  promise: Value | Promise<Value>,
): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited ${TIMEOUT} ms for ${what}`)), TIMEOUT);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The code and the pointers of a problem document. */
export async function problemOf(response: Response): Promise<{
  readonly status: number;
  readonly code: string;
  readonly pointers?: readonly string[];
}> {
  const type = response.headers.get("content-type");
  if (type !== "application/problem+json") {
    throw new Error(`This is no problem document: ${response.status} ${type}`);
  }
  const { code, errors } = await response.json() as {
    readonly code: string;
    readonly errors?: readonly { readonly pointer: string }[];
  };
  const pointers = errors && { pointers: errors.map(({ pointer }) => pointer) };
  return { status: response.status, code, ...pointers };
}

/** Returns the receipts of a response. */
export async function receiptsOf(response: Response): Promise<readonly ReceiptJson[]> {
  const body = await response.json() as { readonly receipts?: readonly ReceiptJson[] };
  if (response.status !== 202) throw new Error(`${response.status} ${JSON.stringify(body)}`);
  return body.receipts!;
}

/** A receipt on the wire. */
type ReceiptJson = {
  readonly id: string;
  readonly deliveries: number;
  readonly duplicate: boolean;
  readonly handlers?: readonly { readonly name: string; readonly ok: boolean }[];
};

/** An event as it is posted. */
export const BASH = { type: "tool.called", data: { name: "bash" } } as const;
