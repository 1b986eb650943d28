/**
 * Attacks on the web console: without a session, with another one, from other sites, and through what it
 * shows.
 * @module
 */
import { type AgentEvents, createHooks, fixedRetry, WebhookHook } from "@omniagent/hooks";
import { createHooksApp, type HooksAppAuth, type Token } from "@omniagent/hooks/hono";
import { ask, signAskLink } from "@omniagent/hooks/gates";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import assert from "node:assert/strict";
import nodeCrypto from "node:crypto";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { CONSOLE_ROUTES, type ConsoleRoute, pathOf } from "../support/console_routes.ts";
import { until } from "../support/until.ts";
import { cookieOf, csrfOf, openPage, signIn, submit } from "./console_client.ts";
import { known, type Setup, testApp, TOKENS, webhooks, withApp } from "./helpers.ts";

const options = { app: { console: true } } as const;
const APPROVAL_KEY = "a-key-of-at-least-32-characters-0123";

/** Values of the parameters of paths: nothing has these names. */
const NOTHING = { id: "x", name: "audit", target: "audit" };

const GETS = CONSOLE_ROUTES.filter(({ method }) => method === "GET");
const PAGES = GETS.map((route) => pathOf(route, NOTHING));

/** What changes something: every action, each for people with one scope. */
const ACTIONS = CONSOLE_ROUTES.filter(({ method }) => method === "POST");

/** Pages, actions, and paths that are neither. */
const PATHS = [
  ...PAGES,
  ...ACTIONS.map((route) => pathOf(route, NOTHING)),
  "sign-out",
  "no/such/page",
];

testApp(
  "no page, action or stream of the console responds without a session",
  options,
  async (setup) => {
    for (const path of PATHS) {
      for (const headers of [{}, { cookie: "hooks_console=x" }, bearer("admin")]) {
        const page = await setup.send(`/console/${path}`, { token: null, headers });
        assert.equal(page.status, 303, path);
        assert.match(page.headers.get("location") ?? "", /^(?:\.\/|\.\.\/)+sign-in(?:\?|$)/);
        assert.equal(await page.text(), "");
        assert.equal((await submit(setup, path, { a: "b" }, headers)).status, 401, path);
      }
    }
    const stream = await setup.send("/console/events/stream", {
      token: null,
      headers: { accept: "text/event-stream" },
    });
    assert.equal(stream.status, 401);
  },
);

testApp(
  "the cookie of the console opens nothing else, and a token that may see nothing gets none",
  options,
  async (setup) => {
    const cookie = await signIn(setup, "admin");
    for (const path of ["/events", "/targets", "/hooks"]) {
      assert.equal((await setup.send(path, { token: null, headers: { cookie } })).status, 401);
    }
    for (const token of ["emit", "decide"] as const) {
      const refused = await submit(setup, "sign-in", { token: TOKENS[token] });
      assert.deepEqual([refused.status, refused.headers.get("set-cookie")], [403, null]);
    }
    for (
      const token of [TOKENS.unknown, TOKENS.expired, "", "x", "\u0000", "é".repeat(20), "a b"]
    ) {
      const refused = await submit(setup, "sign-in", { token });
      assert.deepEqual([refused.status, refused.headers.get("set-cookie")], [401, null]);
    }
    const approver = await signIn(setup, "approve");
    const page = await setup.send("/console/events", {
      token: null,
      headers: { cookie: approver },
    });
    assert.equal(page.status, 403);
    assert.match(await page.text(), /lacks the scope/);
  },
);

testApp("cross-site forms and forms of other sessions are rejected", options, async (setup) => {
  const cookie = await signIn(setup, "admin");
  const csrf = csrfOf(await openPage(setup, "", cookie));
  const others = [
    csrfOf(await openPage(setup, "", await signIn(setup, "admin"))), // of the same token
    csrfOf(await openPage(setup, "", await signIn(setup, "read"))),
    csrf.slice(1),
    csrf.toUpperCase(),
    "",
  ];
  for (const other of others) {
    assert.equal((await submit(setup, "sign-out", { csrf: other }, { cookie })).status, 403);
  }
  assert.equal((await submit(setup, "sign-out", {}, { cookie })).status, 403);
  const foreign = [
    { origin: "https://evil.test" },
    { origin: "null" },
    { origin: "http://hooks.test.evil.test" },
    { origin: "http://hooks.test", "sec-fetch-site": "cross-site" },
    { origin: "http://hooks.test", "sec-fetch-site": "same-site" },
  ];
  for (const headers of foreign) {
    assert.equal((await submit(setup, "sign-out", { csrf }, { cookie, ...headers })).status, 403);
    const login = await submit(setup, "sign-in", { token: TOKENS.read }, headers);
    assert.deepEqual([login.status, login.headers.get("set-cookie")], [403, null]);
  }
  const json = { cookie, "content-type": "text/plain" };
  assert.equal((await submit(setup, "sign-out", { csrf }, json)).status, 415);
  const get = await setup.send("/console/sign-out", { token: null, headers: { cookie } });
  assert.equal(get.status, 404); // only a form signs out
  const done = await submit(setup, "sign-out", { csrf }, { cookie });
  assert.equal(done.status, 303);
  assert.match(done.headers.get("set-cookie") ?? "", /^hooks_console=; Max-Age=0; HttpOnly; /);
});

testApp(
  "every page and every action requires its scope",
  { ...options, webhooks },
  async (setup) => {
    for (const scope of ["read", "approve", "admin"] as const) {
      const cookie = await signIn(setup, scope);
      const first = scope === "approve" ? "gates" : "";
      const csrf = csrfOf(await openPage(setup, first, cookie));
      for (const route of CONSOLE_ROUTES) {
        const path = pathOf(route, NOTHING);
        const response = route.method === "GET"
          ? await setup.send(`/console/${path}`, { token: null, headers: { cookie } })
          : await submit(setup, path, { csrf, decision: "allow" }, { cookie });
        await response.body?.cancel();
        const isAllowed = scope === "admin" || route.scopes.includes(scope);
        assert.equal(response.status !== 403, isAllowed, `${route.method} ${path} with ${scope}`);
      }
    }
  },
);

testApp(
  "no action runs without the CSRF token of its page, or with one from another session",
  { ...options, webhooks },
  async (setup) => {
    const sessions = { read: await signIn(setup, "read"), admin: await signIn(setup, "admin") };
    const csrf = csrfOf(await openPage(setup, "", sessions.read));
    const adminCsrf = csrfOf(await openPage(setup, "", sessions.admin));
    for (const action of ACTIONS) {
      const path = pathOf(action, NOTHING);
      const attempts = [
        submit(setup, path, { csrf: adminCsrf }, { cookie: sessions.read }),
        submit(setup, path, { csrf }, { cookie: sessions.admin }),
        submit(setup, path, {}, { cookie: sessions.admin }),
        submit(setup, path, { csrf: adminCsrf }, {
          cookie: sessions.admin,
          origin: "https://evil.test",
        }),
      ];
      for (const refused of await Promise.all(attempts)) assert.equal(refused.status, 403, path);
      const done = await submit(setup, path, { csrf: adminCsrf }, { cookie: sessions.admin });
      assert.notEqual(done.status, 403, path); // it is the session that was refused
      await done.body?.cancel();
    }
  },
);

testApp(
  "a session is new with every sign-in, whatever cookie the browser had",
  options,
  async (setup) => {
    const planted = await signIn(setup, "read");
    const response = await submit(setup, "sign-in", { token: TOKENS.admin }, { cookie: planted });
    const cookie = cookieOf(response);
    assert.notEqual(cookie, planted);
    assert.match(await openPage(setup, "", cookie), /admin<small>admin</);
    assert.match(await openPage(setup, "", planted), /read<small>read</);
    // Another app of the domain sets a cookie of the same name: it doesn't lock anyone out.
    const [, value] = cookie.split("=");
    const forged = `hooks_console=${value!.slice(0, -64)}${"0".repeat(64)}`;
    for (const other of ["hooks_console=planted", forged]) {
      const cookies = [...Array(40).fill(other), cookie].join("; ");
      assert.match(await openPage(setup, "", cookies), /admin<small>/);
    }
  },
);

testApp(
  "the cookie is for this console alone: no script, no other site, no plain connection",
  options,
  async (setup) => {
    const attributes = async (headers: Readonly<Record<string, string>>) => {
      const response = await submit(setup, "sign-in", { token: TOKENS.read }, headers);
      const [, ...rest] = response.headers.get("set-cookie")!.split("; ");
      return rest;
    };
    const plain = ["Max-Age=43200", "HttpOnly", "SameSite=Strict"];
    assert.deepEqual(await attributes({}), plain);
    const secure = [...plain, "Secure"];
    assert.deepEqual(await attributes({ origin: "https://hooks.test" }), secure);
    assert.deepEqual(await attributes({ "x-forwarded-proto": "https, http" }), secure);
    // A proxy that replaces the host says which one the browser used.
    const proxied = { origin: "https://console.example", "x-forwarded-host": "console.example" };
    assert.deepEqual(await attributes(proxied), secure);
  },
);

test("a session is valid on every instance that has its token, and ends with the token", async () => {
  const one = instance({ tokens: known });
  const cookie = await signIn(one, "admin");
  const read = (tokens: readonly Token[]) => status(instance({ tokens }), "", cookie);
  assert.equal(await read(known), 200);
  assert.equal(await read(known.filter(({ name }) => name !== "admin")), 303);
  const without = known.map((token) => ({ ...token, scopes: ["emit" as const] }));
  assert.equal(await read(without), 303);
  const expired = known.map((token) => ({ ...token, expiresAt: new Date(0) }));
  assert.equal(await read(expired), 303);
});

test("a session ends after twelve hours, and can't be extended", async () => {
  const app = instance({ tokens: known });
  const cookie = await signIn(app, "admin");
  const [name, value] = cookie.split("=") as [string, string];
  const [expiry, keyId, nonce, mac] = value.split(".") as [string, string, string, string];
  const later = (parseInt(expiry, 36) + 1).toString(36);
  const reader = (await signIn(app, "read")).split(".")[1]!;
  const forged = [
    `${later}.${keyId}.${nonce}.${mac}`,
    `${expiry}.${reader}.${nonce}.${mac}`,
    `${expiry}.${keyId}.${nonce.replace(/./, (digit) => digit === "0" ? "1" : "0")}.${mac}`,
    `${expiry}.${keyId}.${nonce}.${mac.replace(/./, (digit) => digit === "0" ? "1" : "0")}`,
    `${expiry}.${keyId}.${nonce}.`,
    `${expiry}.${keyId}.${nonce}`,
    `${expiry}.${nonce}.${mac}`,
    `${"z".repeat(11)}.${keyId}.${nonce}.${mac}`,
  ];
  for (const value of forged) assert.equal(await status(app, "", `${name}=${value}`), 303, value);
  const now = Date.now;
  const twelveHours = 12 * 60 * 60 * 1000;
  try {
    Date.now = () => now() + twelveHours - 60_000;
    assert.equal(await status(app, "", cookie), 200);
    Date.now = () => now() + twelveHours + 1;
    assert.equal(await status(app, "", cookie), 303);
  } finally {
    Date.now = now;
  }
});

test("however many tokens there are, a forged cookie takes one HMAC at most", async () => {
  const others = Array.from({ length: 500 }, (_, n): Token => {
    return { name: `other-${n}`, token: `a-token-of-16-or-more-${n}`, scopes: ["read"] };
  });
  const app = instance({ tokens: [...others, ...known] });
  const cookie = await signIn(app, "admin");
  const [expiry, keyId, , mac] = cookie.split("=")[1]!.split(".") as string[];
  const forge = (id: string) =>
    Array.from({ length: 60 }, (_, n) => {
      return `hooks_console=${expiry}.${id}.${n.toString(16).padStart(32, "0")}.${mac}`;
    });
  let count = 0;
  const { createHmac } = nodeCrypto;
  const { subtle } = globalThis.crypto;
  const sign = subtle.sign;
  try {
    nodeCrypto.createHmac = (...args: Parameters<typeof createHmac>) => {
      count++;
      return createHmac(...args);
    };
    subtle.sign = (...args: Parameters<typeof sign>) => {
      count++;
      return sign.apply(subtle, args);
    };
    const read = async (cookies: readonly string[]): Promise<number> => {
      count = 0;
      assert.match(await openPage(app, "events", cookies.join("; ")), /admin<small>/);
      return count;
    };
    const genuine = await read([cookie]);
    assert.ok(genuine > 0, "no HMAC was counted");
    assert.equal(await read([...forge("0".repeat(16)), cookie]), genuine);
    assert.equal(await read([...forge(keyId!), cookie]), genuine + 60);
  } finally {
    nodeCrypto.createHmac = createHmac;
    subtle.sign = sign;
  }
});

testApp("the sign-in only continues to a page of the console", options, async (setup) => {
  const nexts = {
    "events/x?y=1": "./events/x?y=1",
    "https://evil.test/": "./",
    "//evil.test/": "./",
    "/events": "./",
    "../events": "./",
    "..%2f..%2fevents": "./..%2f..%2fevents", // an encoded slash is no separator
    "\\\\evil.test": "./",
    "javascript:alert(1)": "./",
    "\u0000": "./",
  };
  for (const [next, location] of Object.entries(nexts)) {
    const response = await submit(setup, "sign-in", { token: TOKENS.read, next });
    assert.equal(response.headers.get("location"), location, next);
  }
});

const HOSTILE =
  `"'></script></title></textarea></template><img src=x onerror=alert(1)><script>alert(1)</script>&lt;`;

testApp(
  "nothing that a page shows becomes markup: payloads, names, queries, errors, responses",
  options,
  async (setup) => {
    const { hooks, outbox } = setup;
    const respond = [
      () =>
        new Response(HOSTILE, { status: 500, headers: { "retry-after": "0", [`x-a`]: HOSTILE } }),
      () => new Response(HOSTILE, { status: 400 }),
    ];
    const webhook = (name: string, respond: () => Response | never) =>
      new WebhookHook({
        name,
        url: "https://receiver.test/%22%3E%3Cscript%3E",
        events: ["tool.*"],
        secret: "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        headers: { "x-key": "secret-of-the-receiver" },
        retry: fixedRetry({ retries: 1, delay: 1 }),
        fetch: () => Promise.resolve().then(respond),
      });
    hooks.use(
      webhook("responds", () => (respond.shift() ?? (() => new Response(HOSTILE)))()),
      {
        name: "throws",
        events: ["tool.*"],
        durable: true,
        retry: fixedRetry({ retries: 1, delay: 1 }),
        handle() {
          throw new Error(HOSTILE);
        },
      },
    );
    const data = { [HOSTILE]: [HOSTILE, { nested: HOSTILE }], name: HOSTILE };
    const meta = { sessionId: HOSTILE, runId: HOSTILE };
    const { id } = await hooks.emit("tool.called", data as never, meta);
    const states = async () => [
      (await outbox!.get("responds", id))?.state,
      (await outbox!.get("throws", id))?.state,
    ];
    await until(async () => `${await states()}` === "dead,dead", () => "the dead deliveries");
    hooks.gate("payment.requested" as never, { name: "asks", handle: () => ask(HOSTILE) });
    await hooks.decide("payment.requested" as never, data as never, meta);
    await outbox!.disable("responds", HOSTILE);
    const cookie = await signIn(setup, "admin");
    const q = encodeURIComponent(HOSTILE);
    const paths = [
      "",
      "events",
      `events?session=${q}`,
      `events?type=${q}&run=${q}`,
      `events?notice=${q}`,
      `events/${id}`,
      `events/${q}`,
      "deliveries",
      `deliveries?target=${q}`,
      "deliveries?state=dead",
      "dead-letters",
      `dead-letters?type=${q}`,
      "targets",
      `targets?q=${q}`,
      "gates",
      `gates?outcome=${q}`,
      `replays/${q}`,
      `events?cursor=${q}`,
      `no/${q}`,
      `sign-in?next=${q}`,
    ];
    let shown = "";
    for (const path of paths) {
      for (const headers of [{ cookie }, {}]) {
        const response = await setup.send(`/console/${path}`, { token: null, headers });
        const html = await response.text();
        assert.doesNotMatch(html, /<img|<script(?! src="(?:\.\/|(?:\.\.\/)+)assets\/)|"'>/, path);
        assert.equal(html.match(/<script/g)?.length ?? 0, html === "" ? 0 : 1, path);
        const titles = html.match(/<title>[^<]*<\/title>/g)?.length;
        assert.equal(html.match(/<\/title>/g)?.length, titles, path);
        shown += html;
      }
    }
    for (const path of ["events", `events/${id}`, "dead-letters", "targets", "gates"]) {
      assert.match(await openPage(setup, path, cookie), /&lt;img src=x onerror/, path);
    }
    // It was there to be escaped: as a payload, a session, an error, and a response.
    assert.ok(shown.includes("&quot;&#39;&gt;&lt;/script&gt;"));
    assert.match(shown, /class="error-text">[^<]*onerror/);
    assert.match(shown, /aria-label="Response to attempt 1"[^>]*><code>&quot;/);
    assert.doesNotMatch(shown, /secret-of-the-receiver|whsec_/); // headers and secrets are shown nowhere
  },
);

testApp("an edit that JSON parsers read in different ways is rejected", options, async (setup) => {
  const { hooks } = setup;
  hooks.gate("tool.called", {
    name: "approve",
    handle: () => ask("Pay?", { allow: ["allow", "edit"] }),
  });
  const data = { name: "pay", call_id: "c-1", params: { amount: 5 } };
  const asked = await hooks.decide("tool.called", data);
  const askId = asked.decision === "ask" ? asked.askId : assert.fail("nothing was asked");
  const cookie = await signIn(setup, "admin");
  const csrf = csrfOf(await openPage(setup, "gates", cookie));
  const edit = (amount: string) =>
    submit(setup, `asks/${askId}`, {
      csrf,
      decision: "edit",
      data: JSON.stringify(data).replace("5", amount),
    }, { cookie });
  for (const amount of ['1,"amount":5000', "12345678901234567890", "1e999"]) {
    const path = new URL(
      (await edit(amount)).headers.get("location")!,
      "http://hooks.test/console/asks/",
    );
    const html = await openPage(setup, `gates${path.search}`, cookie);
    assert.match(html, /data has the same key twice|amount is a number that JSON parsers/, amount);
    assert.equal((await hooks.asks.get(askId))?.state, "pending", amount);
  }
  assert.equal((await edit("4")).status, 303);
  assert.deepEqual((await hooks.asks.get(askId))?.edited, { ...data, params: { amount: 4 } });
});

testApp(
  "characters that are invisible or reorder text are escaped, where people approve and elsewhere",
  { app: { ...options.app, approvalKey: APPROVAL_KEY } },
  async (setup) => {
    const { hooks } = setup;
    const command =
      "echo value=\u202e'ssecca' # \u2066; rm -rf /\u2069\u200b\u{e0041}\u3164\u17b4\u{1d159}e\u0301\u2764\ufe0f\ufe0f \u{1f469}\u200d\u{1f4bb}";
    const escaped =
      "echo value=\\u202e'ssecca' # \\u2066; rm -rf /\\u2069\\u200b\\udb40\\udc41\\u3164\\u17b4\\ud834\\udd59e\u0301\u2764\ufe0f\\ufe0f " +
      "\u{1f469}\u200d\u{1f4bb}"; // an emoji of two keeps its joiner
    hooks.gate("tool.called", {
      name: "approve",
      handle: ({ data }) => ask(`Run ${data.params?.command}?`, { allow: ["allow", "edit"] }),
    });
    const data = { name: "bash", call_id: "c-1", params: { command } };
    const asked = await hooks.decide("tool.called", data);
    const askId = asked.decision === "ask" ? asked.askId : assert.fail("nothing was asked");
    const link = await signAskLink({
      url: `http://hooks.test${setup.base}/`,
      key: APPROVAL_KEY,
      askId,
      decision: "allow",
      expiresAt: new Date(Date.now() + 60_000),
      by: "ada",
    });
    const path = link.slice(`http://hooks.test${setup.base}`.length);
    const cookie = await signIn(setup, "admin");
    const linked = await (await setup.send(path, { token: null })).text();
    const gates = await openPage(setup, "gates", cookie);
    for (const html of [linked, gates, await openPage(setup, "events", cookie)]) {
      assert.ok(html.includes("\\u202e"));
      assert.doesNotMatch(html, /[\u202e\u2066\u2069\u200b\u3164\u{e0041}]/u);
    }
    for (const html of [linked, gates]) assert.ok(html.includes(escaped.replaceAll("'", "&#39;")));
    // What a person edits is JSON, in which an escape is the character itself.
    const edited = /<textarea[^>]*>([^<]*)<\/textarea>/.exec(gates)![1]!;
    const json = edited.replaceAll("&quot;", '"').replaceAll("&#39;", "'");
    assert.deepEqual(JSON.parse(json), data);
  },
);

testApp(
  "every response of the console forbids inline code, other sites, and frames",
  options,
  async (setup) => {
    const cookie = await signIn(setup, "admin");
    const html = await openPage(setup, "", cookie);
    const assets = [...html.matchAll(/(?:href|src)="\.\/(assets\/[^"]+)"/g)].map(([, path]) =>
      path!
    );
    const responses = [
      await submit(setup, "sign-in", { token: TOKENS.read }),
      await submit(setup, "sign-in", { token: "wrong" }),
      await submit(setup, "sign-out", {}, { cookie }),
      await setup.send("/console", { token: null }),
      await setup.send("/console/sign-in", { token: null }),
      await setup.send("/console/", { token: null, headers: { "sec-fetch-site": "cross-site" } }),
      await setup.send("/console/", { method: "PUT", body: "{}" }),
    ];
    for (const path of [...PATHS, ...assets, "assets/none", "events/stream?after=x"]) {
      responses.push(await setup.send(`/console/${path}`, { token: null, headers: { cookie } }));
      responses.push(await setup.send(`/console/${path}`, { token: null }));
    }
    for (const { url, status, headers, body } of responses) {
      await body?.cancel();
      const policy = headers.get("content-security-policy") ?? "";
      assert.match(policy, /^default-src 'none'; /, `${status} ${url}`);
      assert.match(policy, /frame-ancestors 'none'/);
      assert.doesNotMatch(policy, /unsafe|https?:|\*/);
      assert.equal(headers.get("x-content-type-options"), "nosniff");
      assert.notEqual(headers.get("referrer-policy"), null);
    }
  },
);

test("a token is in no page, URL, cookie or log", async () => {
  const lines: string[] = [];
  const write = (...args: unknown[]) => void lines.push(JSON.stringify(args));
  const logger = { debug: write, info: write, warn: write, error: write };
  await withApp({ app: { console: true, logger } }, async (setup) => {
    const wrong = "wrong-0123456789abcdef";
    const responses = [
      await submit(setup, "sign-in", { token: TOKENS.admin, next: "events" }),
      await submit(setup, "sign-in", { token: wrong }),
      await submit(setup, "sign-in", { token: TOKENS.emit }),
      await submit(setup, "sign-in", { token: TOKENS.admin }, { origin: "https://evil.test" }),
    ];
    const cookie = cookieOf(responses[0]!);
    for (const path of PATHS.filter((path) => path !== "events/stream")) {
      responses.push(await setup.send(`/console/${path}`, { token: null, headers: { cookie } }));
    }
    for (const response of responses) {
      const all = `${JSON.stringify([...response.headers])}${await response.text()}`;
      for (const token of [...Object.values(TOKENS), wrong]) assert.ok(!all.includes(token), all);
    }
  });
  assert.ok(lines.length > 5);
  for (const token of Object.values(TOKENS)) assert.ok(!lines.join("").includes(token));
});

test("with verifyToken, the console accepts the cookies of the outer app, but no cross-site forms", async () => {
  const seen: (string | undefined)[] = [];
  const app = instance({
    verifyToken(token, request) {
      seen.push(token);
      const isAda = (request.headers.get("cookie") ?? "").includes("app=ada");
      return isAda ? { name: "ada", scopes: ["read"] } : undefined;
    },
  });
  const unknown = await app.send("/console/", { token: null });
  assert.equal(unknown.status, 401);
  const advice = await unknown.text();
  assert.match(advice, /This app has its own sign-in/);
  assert.doesNotMatch(advice, /href="\.\/sign-in"/);
  const page = await app.send("/console/", { token: null, headers: { cookie: "app=ada" } });
  assert.equal(page.status, 200);
  const html = await page.text();
  assert.match(html, /ada<small>read</);
  assert.doesNotMatch(html, /sign-out/); // the app around it does that
  assert.equal(page.headers.get("set-cookie"), null);
  const foreign = { cookie: "app=ada", origin: "https://evil.test" };
  assert.equal((await submit(app, "no", { csrf: "" }, foreign)).status, 403);
  assert.equal((await submit(app, "no", { csrf: "" }, { cookie: "app=ada" })).status, 404);
  assert.equal((await submit(app, "sign-in", { token: TOKENS.admin })).status, 303);
  assert.ok(seen.every((token) => token === undefined));
});

test("with auth: false, everyone is an admin, and cross-site forms are still rejected", async () => {
  const app = instance({ auth: false });
  assert.equal(await status(app, "", ""), 200);
  for (const origin of ["https://evil.test", "null"]) {
    assert.equal((await submit(app, "events", {}, { origin })).status, 403);
  }
  const form = { "content-type": "application/x-www-form-urlencoded" };
  const unsaid = await app.send("/console/events", { method: "POST", headers: form, body: "a=b" });
  assert.equal(unsaid.status, 403);
});

test("requests without a session are bounded in size", async () => {
  const app = instance({ tokens: known });
  assert.equal((await submit(app, "sign-in", { token: "x".repeat(20_000) })).status, 413);
  const headers = { "x-long": "x".repeat(20_000) };
  assert.equal((await app.send("/console/", { token: null, headers })).status, 431);
  assert.equal((await submit(app, "events", { a: "x".repeat(2_000_000) })).status, 401);
});

/** Someone who may see and do all that the console has. */
const everything: readonly Token[] = [
  { name: "ada", token: TOKENS.admin, scopes: ["read", "approve", "admin"] },
];

/** Names, ids, cursors, filters and fields that don't exist. */
const GARBAGE = [
  " ",
  "zz",
  "\u0000",
  "a\r\nb",
  "☃ é",
  "..",
  "a b c",
  "__proto__",
  "-1",
  "1e999",
  "{}",
  '{"a":{"$in":1}}',
  "[".repeat(20_000),
  "*",
  "9999-99-99T99:99",
  "x".repeat(300),
  HOSTILE,
  "audit", // the name of a webhook
];

/** Every page and action, and the fields that each reads. */
const TRIED: readonly Pick<ConsoleRoute, "method" | "path" | "fields">[] = [
  ...CONSOLE_ROUTES,
  { method: "GET", path: "sign-in", fields: ["next"] },
  { method: "POST", path: "sign-in", fields: ["token", "next"] },
];

test("no name, id, cursor, filter or field makes the console fail, or reaches onError", () =>
  withApp({ app: { ...options.app, tokens: everything }, webhooks }, async (setup) => {
    const webhook = { name: "audit", url: "https://receiver.test/", events: ["*"] };
    assert.equal((await setup.send("/webhooks", { body: webhook })).status, 201);
    const cookie = await signIn(setup, "admin");
    const csrf = csrfOf(await openPage(setup, "", cookie));
    for (const garbage of GARBAGE) {
      const isForUrl = garbage.length < 2_000; // longer ones are refused before any page is asked
      for (const { method, path: route, fields } of TRIED) {
        if (method === "GET" && !isForUrl) continue;
        const validFields = () => validFieldsOf(setup, route);
        const encoded = isForUrl ? encodeURIComponent(garbage) : "x";
        const isNamed = route.includes(":");
        const paths = [
          route.replace(/:\w+/g, encoded),
          ...isNamed ? [route.replace(/:(?:name|target)/, "audit").replace(/:\w+/g, encoded)] : [],
        ];
        for (const path of paths) {
          // Each field by itself, so that none hides another.
          for (const given of [{}, ...fields.map((field) => ({ [field]: garbage }))]) {
            const response = method === "GET"
              ? await setup.send(`/console/${path}?${new URLSearchParams(given)}`, {
                token: null,
                headers: { cookie },
              })
              : await submit(setup, path, { csrf, ...await validFields(), ...given }, { cookie });
            await response.body?.cancel();
            const what = `${method} ${path} ${JSON.stringify(given)}`.slice(0, 500);
            assert.ok(response.status < 500, `${what}: ${response.status}`);
            assert.deepEqual(setup.errors, [], what);
          }
        }
      }
    }
    // The forms were not refused as cross-site: the same form deletes it.
    const [, revision] = /name="revision" value="(\d+)"/.exec(
      await openPage(setup, "webhooks/audit", cookie),
    )!;
    const form = { csrf, confirm: "audit", revision: revision! };
    assert.equal((await submit(setup, "webhooks/audit/delete", form, { cookie })).status, 303);
    assert.equal((await setup.send("/webhooks/audit")).status, 404);
  }));

/** The other fields that an action needs to get to the one with garbage. */
async function validFieldsOf(
  setup: Setup,
  route: string,
): Promise<Readonly<Record<string, string>>> {
  if (route === "asks/:id") return { decision: "edit", data: "{}" };
  if (route === "new-webhook") return { name: "other", url: "https://receiver.test/", events: "*" };
  if (!route.endsWith("/edit")) return {};
  const { revision } = await (await setup.send("/webhooks/audit")).json();
  return { url: "https://receiver.test/", events: "*", revision: String(revision) };
}

/** An app without anything around it. */
function instance(auth: HooksAppAuth): Pick<Setup, "send"> {
  const outbox = createOutbox(memoryStore(), { logger: silentLogger });
  const hooks = createHooks<AgentEvents>({ outbox, logger: silentLogger });
  const app = createHooksApp(hooks, { ...auth, console: true, logger: silentLogger });
  return {
    async send(path, { method = "GET", headers = {}, body } = {}) {
      const init = { method, headers, ...(body === undefined ? {} : { body: String(body) }) };
      return await app.request(`http://hooks.test${path}`, init);
    },
  };
}

async function status(app: Pick<Setup, "send">, path: string, cookie: string): Promise<number> {
  const response = await app.send(`/console/${path}`, { token: null, headers: { cookie } });
  await response.body?.cancel();
  return response.status;
}

function bearer(token: keyof typeof TOKENS): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${TOKENS[token]}` };
}
