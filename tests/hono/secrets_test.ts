/**
 * Secrets that someone gave the server, searched for in everything that it ever says: every page, every
 * response, the log, errors, and the OpenAPI document.
 * @module
 */
import { createHooks, fixedRetry } from "@omniagent/hooks";
import { createHooksApp, type Token } from "@omniagent/hooks/hono";
import { ask } from "@omniagent/hooks/gates";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { createAddressGuard } from "@omniagent/hooks/webhook";
import { webhookStore } from "@omniagent/hooks/webhook-store";
import assert from "node:assert/strict";
import { CONSOLE_ROUTES, pathOf } from "../support/console_routes.ts";
import { test } from "../support/harness.ts";
import { until } from "../support/until.ts";
import { csrfOf, openPage, signIn, submit } from "./console_client.ts";
import { type SendOptions, type Setup, TOKENS } from "./helpers.ts";

/** Base64 of 32 bytes in which the text can be found. */
function base64(text: string): string {
  return btoa(text.padEnd(32, "_").slice(0, 32));
}

/** What must not be found anywhere, by what it is. */
const MARKERS = {
  "the webhook's secret": base64("marker-webhook-secret"),
  "the webhook's next secret": base64("marker-rotated-secret"),
  "a header value": "marker-header-0123456789",
  "a changed header value": "marker-changed-header-0123456789",
  "the encryption key": base64("marker-encryption-key"),
  "the key of links": "marker-approval-key-0123456789-0123456789",
  "the token in a URL": "marker-url-token-0123456789",
  "the path of a URL": "T0MARKER0PATH0123456789",
  "the user of a rejected URL": "marker-user",
  "the password of a rejected URL": "marker-password",
  "the secret of a rejected webhook": "marker-refused-secret",
  "the header of a rejected webhook": "marker-refused-header",
  ...Object.fromEntries(
    (["read", "approve", "admin"] as const).map((scope) => [`the token ${scope}`, TOKENS[scope]]),
  ),
};

/** What an admin may see, who may change it: the URL of a webhook. */
const FOR_ADMINS = ["the token in a URL", "the path of a URL"];

const URL_WITH_SECRETS = `https://hooks.example/${MARKERS["the path of a URL"]}/in?token=${
  MARKERS["the token in a URL"]
}`;

const WEBHOOK = {
  name: "audit",
  events: ["tool.*"],
  url: URL_WITH_SECRETS,
  secret: `whsec_${MARKERS["the webhook's secret"]}`,
  headers: { Authorization: `Bearer ${MARKERS["a header value"]}`, "X-Plain": "1" },
  retry: ["1ms"],
};

const REFUSED = {
  ...WEBHOOK,
  name: "refused",
  url: `https://${MARKERS["the user of a rejected URL"]}:${
    MARKERS["the password of a rejected URL"]
  }@a.example/`,
  secret: MARKERS["the secret of a rejected webhook"],
  headers: { Host: MARKERS["the header of a rejected webhook"], "a b": "1" },
};

test("no page, response, error, log, or document contains a secret, header value, token, or key", async () => {
  const said: { readonly where: string; readonly text: string }[] = [];
  const log = (...parts: readonly unknown[]): void => {
    said.push({ where: "the log", text: parts.map(inspected).join(" ") });
  };
  const logger = { debug: log, info: log, warn: log, error: log };
  const store = memoryStore();
  const outbox = createOutbox(store, { logger });
  const hooks = createHooks({ outbox, logger });
  const received: string[] = [];
  const webhooks = webhookStore(store, {
    encryptionKey: MARKERS["the encryption key"],
    guard: createAddressGuard({ resolve: () => Promise.resolve(["93.184.216.34"]) }),
    // A receiver that repeats everything that it was sent: in a response, or in what fetch throws.
    fetch(input, init) {
      const headers = JSON.stringify(Object.fromEntries(new Headers(init?.headers)));
      const all = `${input} ${headers} ${new TextDecoder().decode(init?.body as Uint8Array)}`;
      received.push(all);
      if (received.length % 3 === 0) throw new TypeError(`cannot fetch ${all}`);
      return Promise.resolve(new Response(all, { status: 400, headers: { "x-echo": "1" } }));
    },
  });
  const tokens: readonly Token[] = (["read", "approve", "admin"] as const).map((scope) => ({
    name: scope,
    token: TOKENS[scope],
    scopes: [scope],
  }));
  const app = createHooksApp(hooks, {
    tokens,
    console: true,
    webhooks,
    approvalKey: MARKERS["the key of links"],
    logger,
    onError: (error) => said.push({ where: "onError", text: inspected(error) }),
  });
  const send: Setup["send"] = async (path, { token = "admin", ...options } = {}) => {
    const { method, headers, body }: SendOptions = options;
    const isForm = typeof body === "string";
    return await app.request(`http://hooks.test${path}`, {
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers: {
        ...(token !== null && { authorization: `Bearer ${TOKENS[token]}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: isForm ? body : JSON.stringify(body) }),
    });
  };
  /** Keeps what a response says. */
  const check = async (where: string, response: Response): Promise<number> => {
    const isStream = response.headers.get("content-type") === "text/event-stream";
    if (isStream) await response.body?.cancel();
    const text = isStream ? "" : await response.text();
    said.push({ where, text: `${JSON.stringify([...response.headers])} ${text}` });
    return response.status;
  };

  // Webhooks that are created, changed, refused, rotated, tested, and attempted.
  const headers = { "if-match": "*" };
  assert.equal(await check("create", await send("/webhooks", { body: WEBHOOK })), 201);
  assert.equal(await check("refused", await send("/webhooks", { body: REFUSED })), 422);
  const changes = {
    headers: { Authorization: `Bearer ${MARKERS["a changed header value"]}` },
    retry: ["2ms"],
  };
  const change = { method: "PATCH", body: changes, headers };
  assert.equal(await check("change", await send("/webhooks/audit", change)), 200);
  for (const [field, value] of Object.entries(REFUSED)) {
    if (field === "name" || field === "events" || field === "retry") continue;
    const invalid = { method: "PATCH", body: { [field]: value }, headers };
    assert.equal(await check("refused", await send("/webhooks/audit", invalid)), 422, field);
  }
  const rotate = { body: { secret: `whsec_${MARKERS["the webhook's next secret"]}` }, headers };
  assert.equal(await check("rotate", await send("/webhooks/audit/rotate-secret", rotate)), 200);
  for (let tests = 0; tests < 3; tests++) {
    const tested = await send("/webhooks/audit/test", { method: "POST" });
    assert.equal(await check("test", tested), 200);
  }
  hooks.use({
    name: "throws",
    events: ["tool.*"],
    durable: true,
    retry: fixedRetry({ retries: 1, delay: 1 }),
    handle() {
      throw new Error(`cannot post to ${URL_WITH_SECRETS}`);
    },
  });
  hooks.gate("payment.requested" as never, { name: "asks", handle: () => ask("Pay?") });
  const asked = await hooks.decide("payment.requested" as never, {} as never);
  const { id } = await hooks.emit("tool.called", { name: "bash" });
  for (const target of ["audit", "throws"]) {
    const isDead = async () => (await outbox.get(target, id))?.state === "dead";
    await until(isDead, () => `the dead letter of ${target}`);
  }
  const { id: replay } = await outbox.replays.start({ state: "dead" });

  // Every operation of the document, and every page and action, for each kind of person.
  const document = await (await send("/openapi.json", { token: null })).json();
  said.push({ where: "the document", text: JSON.stringify(document) });
  const ids: Readonly<Record<string, string>> = {
    "/asks/{id}": asked.decision === "ask" ? asked.askId : "",
    "/replays/{id}": replay,
  };
  let operations = 0;
  for (const [path, item] of Object.entries<Readonly<Record<string, unknown>>>(document.paths)) {
    const one = path.replace("{target}", "audit").replace("{name}", "audit")
      .replace("{id}", ids[path] ?? id);
    for (const method of Object.keys(item)) {
      operations++;
      if (method === "delete") continue; // below, when nothing else needs it
      for (const token of ["read", "approve", "admin", "unknown", null] as const) {
        if (method !== "get" && token === "admin") continue; // done above
        const response = await send(one, { method: method.toUpperCase(), token });
        await check(`${method} ${path} with ${token}`, response);
      }
    }
  }
  assert.ok(operations > 30, `${operations}`);
  for (const scope of ["read", "approve", "admin"] as const) {
    const cookie = await signIn({ send }, scope);
    const first = await openPage({ send }, scope === "approve" ? "gates" : "", cookie);
    const csrf = csrfOf(first);
    const actions = CONSOLE_ROUTES.filter(({ method, path }) =>
      method === "POST" && !path.endsWith("/delete")
    );
    for (const route of CONSOLE_ROUTES.filter(({ method }) => method === "GET")) {
      const path = pathOf(route, { name: "audit", id: route.path[0] === "r" ? replay : id });
      const page = await send(`/console/${path}`, { token: null, headers: { cookie } });
      await check(`the page ${route.path} with ${scope}`, page);
    }
    const form = {
      csrf,
      name: "refused",
      url: REFUSED.url,
      events: "*",
      headers: `Host: ${MARKERS["the header of a rejected webhook"]}`,
      revision: "1",
    };
    for (const route of actions) {
      const path = pathOf(route, { target: "audit", name: "audit", id });
      const response = await submit({ send }, path, form, { cookie });
      await check(`the action ${route.path} with ${scope}`, response);
    }
  }
  const wrong = await submit({ send }, "sign-in", { token: TOKENS.read.slice(1) });
  assert.equal(await check("a wrong token", wrong), 401);
  const gone = await send("/webhooks/audit", { method: "DELETE", headers });
  assert.equal(await check("delete", gone), 200);
  await hooks.close();
  await check("closed", await send("/webhooks/audit"));

  // What the receiver got: the markers were there to be found.
  for (const kind of ["a changed header value", "the token in a URL"] as const) {
    assert.ok(received.some((one) => one.includes(MARKERS[kind])), kind);
  }
  assert.ok(said.length > 250, `${said.length}`);
  for (const [kind, marker] of Object.entries(MARKERS)) {
    const found = said.filter(({ where, text }) => {
      if (!text.includes(marker) && !text.includes(encodeURIComponent(marker))) return false;
      return !isForAdmins(kind, where);
    });
    assert.deepEqual(found.map(({ where, text }) => `${where}: ${around(text, marker)}`), [], kind);
  }
});

/** Returns whether it is for someone who may change the webhook, and sees what is in its form. */
function isForAdmins(kind: string, where: string): boolean {
  if (!FOR_ADMINS.includes(kind)) return false;
  return /^(?:create|change|rotate)$|^get \/webhooks.* with admin$|\/edit with admin$/.test(where);
}

/** Returns everything that a logger may write of a value. */
function inspected(value: unknown): string {
  if (!(value instanceof Error)) return typeof value === "string" ? value : JSON.stringify(value);
  const { stack, message, cause, ...rest } = value;
  return [stack, message, inspected(cause ?? ""), JSON.stringify(rest)].join(" ");
}

function around(text: string, marker: string): string {
  const at = Math.max(0, text.indexOf(marker));
  return text.slice(Math.max(0, at - 80), at + marker.length + 20);
}
