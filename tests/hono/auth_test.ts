import assert from "node:assert/strict";
import { createHooks } from "@omniagent/hooks";
import { parseConfig } from "@omniagent/hooks/config";
import { createHooksApp, type HooksAppSettings, type Identity } from "@omniagent/hooks/hono";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { BASH, known, problemOf, testApp, TOKENS, webhooks, withApp } from "./helpers.ts";

const SAMPLES = { id: "0192e4a0-6b2f-7c31-9f10-3a5d6c1e2b47", target: "audit", name: "audit" };

/** Every operation of the contract: method, path, and the scope that it needs. */
async function operations(): Promise<readonly (readonly [string, string, string | undefined])[]> {
  const app = createHooksApp(createHooks({ logger: silentLogger }), { auth: false });
  const document = await (await app.request("/openapi.json")).json() as {
    readonly paths: Readonly<
      Record<string, Readonly<Record<string, { security: { bearer: string[] }[] }>>>
    >;
  };
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, { security }]) => {
      const real = path.replace(/\{(\w+)\}/g, (_, name) => SAMPLES[name as keyof typeof SAMPLES]);
      return [
        method.toUpperCase(),
        real,
        security.map(({ bearer }) => bearer).join() || undefined,
      ] as const;
    })
  );
}

const all = await operations();

test("the table of scopes lists every operation", () => {
  assert.deepEqual(
    all.map(([method, path, scope]) => `${method} ${path} ${scope ?? "none"}`).sort(),
    [
      `GET /asks read,approve`,
      `GET /asks/${SAMPLES.id} read,approve`,
      "GET /decisions read",
      "GET /deliveries read",
      `GET /deliveries/audit/${SAMPLES.id} read`,
      "GET /events read",
      `GET /events/${SAMPLES.id} read`,
      "GET /events/stream read",
      "GET /health none",
      "GET /hooks read",
      "GET /metrics read",
      "GET /openapi.json none",
      "GET /ready none",
      "GET /replays read",
      `GET /replays/${SAMPLES.id} read`,
      "GET /targets read",
      "GET /webhooks read",
      "GET /webhooks/audit read",
      "DELETE /webhooks/audit admin",
      "PATCH /webhooks/audit admin",
      `POST /asks/${SAMPLES.id} approve`,
      `POST /deliveries/audit/${SAMPLES.id}/retry admin`,
      "POST /deliveries/replay admin",
      "POST /events emit",
      "POST /gates/claude-code decide",
      "POST /gates/codex decide",
      "POST /gates/copilot decide",
      "POST /gates/cursor decide",
      "POST /gates/gemini decide",
      "POST /outbox/drain admin",
      "POST /replays admin",
      `POST /replays/${SAMPLES.id}/cancel admin`,
      "POST /targets/audit/disable admin",
      "POST /targets/audit/enable admin",
      "POST /webhooks admin",
      "POST /webhooks/audit/rotate-secret admin",
      "POST /webhooks/audit/test admin",
    ].sort(),
  );
});

test("the table has every route of an app except pages, which have their own tests", () => {
  const app = createHooksApp(createHooks({ logger: silentLogger }), { auth: false, console: true });
  const listed = new Set(all.map(([method, path]) => `${method} ${path}`));
  const others = app.routes.map(({ method, path }) => {
    return `${method} ${
      path.replace(/:(\w+)/g, (all, name) => SAMPLES[name as keyof typeof SAMPLES] ?? all)
    }`;
  }).filter((route) => !listed.has(route));
  const methods = new Set([...all].map(([, path]) => `ALL ${path}`)); // any other method: 405
  assert.deepEqual(others.filter((route) => !methods.has(route)), [
    "OPTIONS /events", // needs no token: see the tests of webhookOrigins
    "GET /console", // a redirect
    "ALL /console/:path{.*}", // its own table: see tests/support/console_routes.ts
    `GET /asks/${SAMPLES.id}/respond`, // a signed link
    `POST /asks/${SAMPLES.id}/respond`,
    `ALL /asks/${SAMPLES.id}/respond`,
    "ALL /*", // 404
  ]);
});

for (const [method, path, scope] of all) {
  for (
    const token of [
      null,
      "unknown",
      "expired",
      "emit",
      "decide",
      "read",
      "approve",
      "admin",
    ] as const
  ) {
    testApp(
      `${method} ${path} with ${token ?? "no"} token`,
      { webhooks },
      async ({ send }) => {
        const bodies = {
          "/events": BASH,
          "/webhooks": { name: "audit", events: ["*"], url: "https://hooks.example" },
          [`/asks/${SAMPLES.id}`]: { decision: "allow" },
        };
        const body = method === "POST" ? bodies[path as keyof typeof bodies] : undefined;
        const response = await send(path, { method, token, body, headers: { "if-match": "*" } });
        const rejections = {
          null: "token_missing",
          unknown: "token_invalid",
          expired: "token_expired",
        };
        const rejection = rejections[String(token) as keyof typeof rejections] ?? "scope_missing";
        const isAllowed = scope === undefined || token === "admin" ||
          scope.split(",").includes(String(token));
        if (isAllowed) {
          assert.ok([200, 201, 202, 404].includes(response.status), `${response.status}`);
          return await response.body?.cancel();
        }
        if (path.startsWith("/gates/")) { // agents run the tool after any other status
          assert.equal(response.status, 200);
          return assert.match(await response.text(), /The hooks server could not decide/);
        }
        const status = rejection === "scope_missing" ? 403 : 401;
        assert.match(response.headers.get("www-authenticate") ?? "", /^Bearer realm="hooks"/);
        assert.deepEqual(await problemOf(response), { status, code: rejection });
      },
    );
  }
}

const headers: Readonly<Record<string, string>> = {
  "another scheme": `Basic ${btoa("a:b")}`,
  "no scheme": TOKENS.admin,
  "two tokens": `Bearer ${TOKENS.admin} ${TOKENS.admin}`,
  "a token of five thousand characters": `Bearer ${"a".repeat(5000)}`,
  "the beginning of a token": `Bearer ${TOKENS.admin.slice(0, -1)}`,
  "a token and more": `Bearer ${TOKENS.admin}a`,
  "characters that no token has": "Bearer ü",
};
for (const [name, authorization] of Object.entries(headers)) {
  testApp(`${name} is no token`, {}, async ({ send }) => {
    const response = await send("/hooks", { token: null, headers: { authorization } });
    assert.deepEqual(await problemOf(response), { status: 401, code: "token_invalid" });
  });
}

test("a token and its replacement are both accepted, and share idempotency keys", () =>
  withApp(
    { app: { tokens: [...known, { ...known[0]!, token: TOKENS.unknown }] } },
    async ({ send }) => {
      const post = (token: "emit" | "unknown") =>
        send("/events", { token, body: BASH, headers: { "idempotency-key": "k" } });
      const first = await (await post("emit")).text();
      assert.equal(await (await post("unknown")).text(), first);
    },
  ));

test("later changes to the options have no effect", async () => {
  const token = {
    name: "a",
    token: TOKENS.read,
    scopes: ["read" as const],
    expiresAt: new Date(0),
  };
  const app = createHooksApp(createHooks({ logger: silentLogger }), { tokens: [token] });
  token.expiresAt.setTime(Date.now() + 1e9);
  const response = await app.request("/hooks", {
    headers: { authorization: `Bearer ${TOKENS.read}` },
  });
  assert.deepEqual(await problemOf(response), { status: 401, code: "token_expired" });
});

function own(verifyToken: (token: string | undefined) => unknown) {
  const errors: unknown[] = [];
  const app = createHooksApp(createHooks({ logger: silentLogger }), {
    verifyToken: verifyToken as () => Identity | undefined,
    logger: silentLogger,
    onError: (error) => errors.push(error),
  });
  const send = () => app.request("/hooks", { headers: { authorization: "Bearer abc" } });
  return { send, errors };
}

test("verifyToken resolves a token synchronously or asynchronously", async () => {
  for (const wrap of [(it: unknown) => it, (it: unknown) => Promise.resolve(it)]) {
    const statusOf = async (identity: unknown) => (await own(() => wrap(identity)).send()).status;
    assert.equal(await statusOf({ name: "a", scopes: ["read"] }), 200);
    assert.equal(await statusOf({ name: "a", scopes: ["emit"] }), 403);
    assert.equal(await statusOf({ name: "a", scopes: ["read"], expiresAt: new Date(0) }), 401);
    assert.equal(await statusOf({ name: "a", scopes: ["read"], expiresAt: new Date(NaN) }), 401);
    assert.equal(await statusOf(undefined), 401);
  }
});

test("a failing verifyToken gives no access, and is reported", async () => {
  const failures = [
    () => {
      throw new Error("no connection");
    },
    () => Promise.reject(new Error("no connection")),
    () => true,
    () => ({ scopes: ["admin"] }),
  ];
  for (const verify of failures) {
    const { send, errors } = own(verify);
    assert.deepEqual(await problemOf(await send()), { status: 503, code: "auth_unavailable" });
    assert.equal(errors.length, 1);
  }
});

/** An app that takes a cookie, and a bearer token. */
function withCookie(settings: HooksAppSettings = {}) {
  const seen: unknown[] = [];
  const app = createHooksApp(createHooks({ logger: silentLogger }), {
    verifyToken: (token, request) => {
      seen.push(token);
      const isKnown = token === "abc" || request.headers.get("cookie") === "session=1";
      return isKnown ? { name: "a", scopes: ["emit", "read"] } : undefined;
    },
    logger: silentLogger,
    ...settings,
  });
  const post = (headers: Readonly<Record<string, string>>) =>
    app.request("http://hooks.test/events", {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(BASH),
    });
  return { app, seen, post };
}

test("verifyToken gets requests without a bearer token, and can authenticate them by a cookie", async () => {
  const { app, seen } = withCookie();
  const get = (headers: Record<string, string>) => app.request("/hooks", { headers });
  assert.equal((await get({ cookie: "session=1" })).status, 200);
  assert.equal((await get({ cookie: "session=1", authorization: "Basic YTpi" })).status, 200);
  const rejected = await get({ cookie: "session=2" });
  assert.deepEqual(await problemOf(rejected), { status: 401, code: "token_missing" });
  assert.deepEqual(seen, [undefined, undefined, undefined]);
});

test("a malformed bearer token is rejected without verifyToken, whatever else the request has", async () => {
  const { app, seen } = withCookie();
  for (const authorization of ["Bearer", "Bearer a b", "bearer é", `Bearer ${"a".repeat(5000)}`]) {
    const response = await app.request("/hooks", {
      headers: { authorization, cookie: "session=1" },
    });
    assert.deepEqual(await problemOf(response), { status: 401, code: "token_invalid" });
  }
  assert.deepEqual(seen, []);
});

test("pages on other origins can't change anything with a cookie", async () => {
  const { post, app } = withCookie();
  const foreign = [
    { "sec-fetch-site": "cross-site", origin: "https://evil.test" },
    { "sec-fetch-site": "same-site", origin: "http://other.hooks.test" },
    { "sec-fetch-site": "cross-site" },
    { origin: "https://evil.test" },
    { origin: "null" },
  ];
  for (const headers of foreign) {
    const response = await post({ cookie: "session=1", ...headers });
    assert.deepEqual(await problemOf(response), { status: 403, code: "origin_forbidden" });
    assert.equal((await post({ authorization: "Bearer abc", ...headers })).status, 202);
    const read = await app.request("/hooks", { headers: { cookie: "session=1", ...headers } });
    assert.equal(read.status, 200);
  }
});

test("own pages, allowed pages and other clients can post with a cookie", async () => {
  const { post } = withCookie({ cors: { origins: ["https://app.test"] } });
  const own = [
    {},
    { "sec-fetch-site": "same-origin", origin: "http://hooks.test" },
    { "sec-fetch-site": "none" },
    { origin: "http://hooks.test" },
    { origin: "https://hooks.test" }, // a proxy ends TLS
    { "sec-fetch-site": "cross-site", origin: "https://app.test" },
  ];
  for (const headers of own) {
    assert.equal((await post({ cookie: "session=1", ...headers })).status, 202);
  }
});

test("createHooksApp() requires exactly one kind of authentication", async () => {
  const hooks = createHooks({ logger: silentLogger });
  const open = createHooksApp(hooks, { auth: false });
  assert.equal((await open.request("/hooks")).status, 200);
  const create = createHooksApp as (hooks: unknown, options: unknown) => unknown;
  for (
    const options of [{}, { auth: true }, { auth: undefined }, { tokens: [] }, { tokens: "a" }]
  ) {
    assert.throws(() => create(hooks, options), TypeError);
  }
  for (const name of ["tokens", "verifyToken"]) {
    const unset = { auth: false, [name]: undefined };
    assert.throws(() => create(hooks, unset), new RegExp(`'${name}' is undefined. Leave it out`));
  }
  const closed = create(hooks, { verifyToken: () => undefined }) as typeof open;
  assert.equal((await closed.request("/hooks")).status, 401);
  const both = { auth: false, tokens: known };
  assert.throws(() => create(hooks, both), /'tokens', 'verifyToken' and 'auth: false'/);
});

test("the app and the configuration accept the same tokens: b64token of RFC 6750", async () => {
  const sixteen = "0123456789abcdef";
  const accepted = {
    [sixteen]: true,
    "aZ09._~+/-aZ09==": true,
    ["a".repeat(512)]: true,
    [`${"a".repeat(511)}=`]: true,
    "": false,
    [sixteen.slice(1)]: false,
    "================": false,
    [`${sixteen}=a`]: false,
    [`${sixteen}!`]: false,
    [`${sixteen}:`]: false,
    [`${sixteen} `]: false,
    [`${sixteen}\n`]: false,
    ["a".repeat(513)]: false,
    [`${"a".repeat(512)}=`]: false,
  };
  const rule =
    /token(?:' of 'a')? must be 16 to 512 characters of \[A-Za-z0-9._~\+\/-\], with = at the end only/;
  for (const [token, isAccepted] of Object.entries(accepted)) {
    const one = { name: "a", token, scopes: ["read"] as const };
    const create = () => createHooksApp(createHooks({ logger: silentLogger }), { tokens: [one] });
    const parse = () => parseConfig({ server: { tokens: [one] } }, { env: {} });
    if (!isAccepted) {
      assert.throws(create, rule);
      assert.throws(parse, rule);
      continue;
    }
    parse();
    const headers = { authorization: `Bearer ${token}` };
    assert.equal((await create().request("/hooks", { headers })).status, 200);
  }
});

test("no error message shows a token", () => {
  const hooks = createHooks({ logger: silentLogger });
  const create = createHooksApp as (hooks: unknown, options: unknown) => unknown;
  const good = { name: "a", token: "SECRET-0123456789", scopes: ["read"] };
  const bad = [
    { ...good, token: "SECRET" },
    { ...good, token: "SECRET-0123456789 ü" },
    { ...good, name: "" },
    { ...good, scopes: ["SECRET"] },
    { ...good, scopes: [] },
    { ...good, expiresAt: "SECRET" },
  ];
  for (const token of bad) {
    assert.throws(
      () => create(hooks, { tokens: [token] }),
      (error) => error instanceof TypeError && /^Cannot create the hooks app/.test(error.message),
    );
  }
  assert.throws(
    () => create(hooks, { tokens: [good, { ...good, name: "b" }] }),
    (error) => error instanceof TypeError && !error.message.includes("SECRET"),
  );
});
