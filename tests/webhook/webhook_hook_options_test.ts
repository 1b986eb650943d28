/**
 * The options of a webhook: the error for every invalid one, and the defaults.
 * @module
 */
import assert from "node:assert/strict";
import { inspect } from "node:util";
import { scheduleRetry, WebhookHook } from "@omniagent/hooks";
import { generateKeyPair } from "@omniagent/hooks/webhook";
import { test } from "../support/harness.ts";
import { attempt, fakeFetch, hookOf } from "./hook_checks.ts";

/** Every option may be anything: that is what is tested. */
type Wrong = Readonly<Record<string, unknown>>;

/** The schedule of the documentation. */
const BY_DEFAULT = scheduleRetry(
  [5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600].map((seconds) => seconds * 1000),
);

/** Text that must not appear in a message. */
const HIDDEN = "c2VjcmV0";
const PATTERN = 'a pattern must be a type such as "tool.called", a prefix such as "tool.*", or "*"';
const STATUSES = "'retryOn' must be a list of statuses from 300 to 599";
const CREDENTIALS =
  "'url' must not contain a user name or password. Use headers: { authorization: … }";
const URL_FORM = "'url' must be an absolute http or https URL";

function make(options: Wrong): WebhookHook {
  const usual = { name: "w", events: ["a.b"], url: `https://h.example/${HIDDEN}?${HIDDEN}` };
  return new WebhookHook({ ...usual, ...options } as ConstructorParameters<typeof WebhookHook>[0]);
}

function errorOf(options: Wrong): Error {
  try {
    make(options);
  } catch (error) {
    assert.ok(error instanceof Error);
    return error;
  }
  assert.fail("it was made");
}

/** What is rejected, and the end of the message. */
const typeErrors: readonly (readonly [options: Wrong, why: string])[] = [
  [
    { events: [] },
    "'events' must be a pattern or a list of patterns, got an empty list",
  ],
  [{ events: ["a.*.b"] }, `${PATTERN}, got "a.*.b"`],
  [{ url: undefined }, URL_FORM],
  [{ url: `/${HIDDEN}` }, URL_FORM],
  [{ url: `ftp://h.example/${HIDDEN}` }, URL_FORM],
  [{ url: `https://${HIDDEN}@h.example/` }, CREDENTIALS],
  [{ url: `https://:${HIDDEN}@h.example/` }, CREDENTIALS],
  [{ method: "GET" }, `'method' must be "POST" or "PUT", got "GET"`],
  [{ method: "put" }, `'method' must be "POST" or "PUT", got "put"`],
  [{ headers: { "a b": HIDDEN } }, 'header "a b" has an invalid name or value'],
  [{ headers: { a: `${HIDDEN}\r\nb: c` } }, 'header "a" has an invalid name or value'],
  [{ headers: { a: `${HIDDEN}→` } }, 'header "a" has an invalid name or value'],
  [{ headers: { a: 5 } }, 'header "a" has an invalid name or value'],
  [{ timeout: "5s" }, `'timeout' must be a number of milliseconds, got "5s"`],
  [{ secret: HIDDEN, secrets: [HIDDEN] }, "set 'secret' or 'secrets', not both"],
  [{ secrets: [] }, "'secrets' must be a list of at least one secret"],
  [{ secrets: HIDDEN }, "'secrets' must be a list of at least one secret"],
  [
    { format: "xml" },
    `'format' must be "native", "cloudevents" or "cloudevents-binary", got "xml"`,
  ],
  [{ transform: "upper" }, `'transform' must be a function, got "upper"`],
  [{ fetch: {} }, "'fetch' must be a function, got an object"],
  [{ ordering: "type" }, `'ordering' must be "session", got "type"`],
];
const rangeErrors: typeof typeErrors = [
  [{ timeout: 0 }, "'timeout' must be at least 1 ms, got 0"],
  [{ timeout: NaN }, "'timeout' must be a number of milliseconds, got NaN"],
  [{ timeout: 120_001 }, "'timeout' must be at most 120000 ms, got 120001"],
  [{ timeout: Infinity }, "'timeout' must be at most 120000 ms, got Infinity"],
  [{ retryOn: [204] }, `${STATUSES}, got 204`],
  [{ retryOn: [404, 600] }, `${STATUSES}, got 600`],
  [{ retryOn: ["404"] }, `${STATUSES}, got "404"`],
  [{ concurrency: 0 }, "'concurrency' must be at least 1, got 0"],
  [{ concurrency: 1.5 }, "'concurrency' must be a whole number, got 1.5"],
  [
    { concurrency: Infinity },
    "'concurrency' must be at most 10000, got Infinity",
  ],
];

for (const [name, rows] of Object.entries({ TypeError: typeErrors, RangeError: rangeErrors })) {
  for (const [options, why] of rows) {
    test(`a webhook is rejected with a ${name} for ${inspect(options)}`, () => {
      const error = errorOf(options);
      const message = `Cannot create webhook 'w': ${why}`;
      assert.deepEqual({ name: error.name, message: error.message }, { name, message });
      assert.ok(!error.stack?.includes(HIDDEN), error.stack);
    });
  }
}

test("a webhook is rejected without a pattern, or with one that is invalid", () => {
  for (const events of [[], ["a.*.b"], undefined]) {
    const { name, message } = errorOf({ events });
    assert.equal(name, "TypeError");
    assert.match(message, /^Cannot create webhook 'w'.* pattern/);
  }
});

test("a webhook is rejected without a valid name", () => {
  for (const name of [undefined, "", "a b", "ü", "n".repeat(65), 5]) {
    const shown = typeof name === "string" ? JSON.stringify(name) : `${name}`;
    const rule = "'name' must be 1 to 64 characters of [A-Za-z0-9._-]";
    assert.equal(
      errorOf({ name }).message,
      `Cannot create a webhook: ${rule}, got ${shown}`,
    );
  }
});

test("a webhook is rejected with an invalid filter, and the error names the path", () => {
  const wrong = {
    "payload.a": 1,
    "data.": 1,
    "": 1,
    "data.a": {},
    "data.b": [],
    "data.c": [[1]],
    "data.a\\": 1,
  };
  Object.assign(wrong, { "data.a\\b": 1, "data\\.a": 1, "data.\\\\\\": 1, timestamp: 1, dta: 1 });
  for (const [path, value] of Object.entries(wrong)) {
    const { name, message } = errorOf({ filter: { [path]: value } });
    assert.equal(name, "TypeError");
    assert.match(
      message,
      /^Cannot create webhook 'w': 'filter' must map paths such as "data\.name"/,
    );
    assert.ok(message.endsWith(`but the entry at ${JSON.stringify(path)} does not`), message);
  }
});

test("a webhook rejects headers that the delivery sets itself, in any case", () => {
  const names = ["webhook-id", "Webhook-Signature", "WEBHOOK-TIMESTAMP", "webhook-", "Host"];
  const ofTheConnection = ["Content-Length", "connection", "transfer-encoding", "Keep-Alive", "TE"];
  for (const name of [...names, ...ofTheConnection, "Upgrade"]) {
    const { message } = errorOf({ headers: { [name]: HIDDEN } });
    assert.equal(
      message.replace(/: it belongs to .*$/, ""),
      `Cannot create webhook 'w': header '${name}' is reserved`,
    );
  }
});

/** WHATWG Fetch, "port blocking", as of November 2026. */
const BLOCKED = [
  ...[0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101],
  ...[102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389],
  ...[427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636],
  ...[989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665],
  ...[6666, 6667, 6668, 6669, 6679, 6697, 10080],
];

test("a webhook rejects a port exactly if fetch blocks it", () => {
  for (let port = 0; port <= 11_000; port++) {
    const url = `https://h.example:${port}/${HIDDEN}`;
    if (!BLOCKED.includes(port)) {
      new WebhookHook({ name: "w", events: ["*"], url });
      continue;
    }
    const { name, message } = errorOf({ url });
    assert.equal(name, "TypeError");
    assert.match(message, new RegExp(`^Cannot create webhook 'w': 'url' uses port ${port}, `));
  }
});

test("the fetch of this runtime blocks these ports, if it blocks any", async () => {
  // Bun blocks no port, and Node doesn't block 0.
  const ports = "Bun" in globalThis ? [] : BLOCKED.filter((port) => port > 0);
  for (const port of ports) {
    const error = await fetch(`http://127.0.0.1:${port}/`).then(() => "none", (error) => error);
    assert.match(`${error.message} ${error.cause?.message}`, /bad port|blocked/);
  }
});

test("a webhook rejects hosts that can't be DNS names, and accepts those that can", () => {
  const long = "a".repeat(64);
  const wrong = ["a..b", ".a", ".", long, `x.${long}.example`, `${"a.".repeat(127)}aa`];
  for (const host of wrong) {
    const { message } = errorOf({ url: `https://${host}/${HIDDEN}` });
    assert.match(message, /'url' has a host /);
  }
  const right = ["a", "a.", "a_b.c", "a".repeat(63), "[::1]", "127.1", "bücher.example"];
  for (const host of right) new WebhookHook({ name: "w", events: ["*"], url: `https://${host}/` });
});

test("a webhook rejects headers that belong to the protocol or the connection, with the reason", () => {
  const reserved = {
    "Standard Webhooks": ["webhook-id", "WebHook-Request-Origin"],
    CloudEvents: ["ce-id", "CE-Anything", "ce-"],
    "the connection": [
      ...["Expect", "TE", "Trailer", "Upgrade", "Via", "proxy-authorization", "Proxy-Connection"],
      ...["Content-Length", "Connection", "Keep-Alive", "Transfer-Encoding", "HTTP2-Settings"],
    ],
    fetch: ["Accept-Encoding", "Date", "Sec-Fetch-Mode", "Set-Cookie", "cookie2", "accept-charset"],
  };
  for (const format of ["native", "cloudevents", "cloudevents-binary"] as const) {
    for (const [owner, names] of Object.entries(reserved)) {
      for (const name of names) {
        for (const headers of [{ [name]: HIDDEN }, new Headers({ [name]: HIDDEN })]) {
          const { message } = errorOf({ headers, format });
          assert.ok(message.endsWith(`is reserved: it belongs to ${owner}`), message);
        }
      }
    }
  }
  assert.match(errorOf({ headers: { "content-encoding": HIDDEN } }).message, /describes the body/);
});

test("a webhook accepts headers that users may set", () => {
  const headers = {
    ...{ authorization: "a", cookie: "a=b", traceparent: "x", "user-agent": "me", "x-te": "b" },
    ...{ origin: "https://o.example", referer: "x", accept: "a/b", "x-webhook-id": "c", dnt: "1" },
    ...{ "content-language": "en", "idempotency-key": "k", cell: "x", secret: "x", proxy: "x" },
  };
  new WebhookHook({ name: "w", events: ["*"], url: "https://h.example/", headers });
});

test("a webhook rejects a header in two spellings, and content types that don't fit its format", () => {
  const twice = errorOf({ headers: { "X-Key": HIDDEN, "x-key": HIDDEN } }).message;
  assert.equal(twice, "Cannot create webhook 'w': header 'x-key' is set twice");
  for (const type of ["json", "", "text/", "a/b; c", HIDDEN, "application json"]) {
    const { message } = errorOf({ headers: { "Content-Type": type } });
    assert.match(message, /header 'content-type' must be a media type/);
  }
  for (const type of ["text/plain", "application/vnd.x+json; charset=utf-8"]) {
    const headers = { "content-type": type };
    new WebhookHook({ name: "w", events: ["*"], url: "https://h.example/", headers });
    for (const format of ["cloudevents", "cloudevents-binary"] as const) {
      const { message } = errorOf({ headers, format });
      assert.match(message, new RegExp(`header 'content-type' is set by the format "${format}"`));
    }
  }
});

test("a webhook rejects header values that some runtime can't send", () => {
  for (const value of ["a\0b", "a\x01b", "a\x7fb", "a\nb", "日"]) {
    assert.match(errorOf({ headers: { a: value } }).message, /invalid name or value$/);
  }
});

test("a webhook rejects invalid values of its two retry options in any combination", () => {
  const wrong = {
    retryCount: [-1, 1.5, NaN, Infinity, 101, "2"],
    retryDelay: [-1, NaN, Infinity, 3_600_001, "2"],
  };
  for (const [option, values] of Object.entries(wrong)) {
    for (const value of values) {
      for (const other of [{}, { retryCount: 1, retryDelay: 1 }]) {
        const { name, message } = errorOf({ ...other, [option]: value });
        assert.equal(name, typeof value === "string" ? "TypeError" : "RangeError");
        const shown = inspect(value).replaceAll("'", '"');
        assert.match(
          message,
          new RegExp(`^Cannot create webhook 'w': '${option}' must be .*, got ${shown}$`),
        );
      }
    }
  }
});

test("a webhook rejects an unknown option, and suggests the right one", () => {
  const hints = { retry_count: "retryCount", URL: "url", Secrets: "secrets" };
  for (const [option, meant] of Object.entries(hints)) {
    const why = `unknown option '${option}'. Did you mean '${meant}'?`;
    assert.equal(errorOf({ [option]: HIDDEN }).message, `Cannot create webhook 'w': ${why}`);
  }
  assert.match(
    errorOf({ colour: HIDDEN }).message,
    /: unknown option 'colour'\. Known options: name, ev/,
  );
});

test("a webhook rejects secrets that can't sign, with a code, and without showing them", async () => {
  const { publicKey } = await generateKeyPair();
  const short = btoa(HIDDEN);
  const cases: readonly (readonly [secret: string, code: string])[] = [
    ["", "invalid_secret"],
    ["whsec_", "invalid_secret"],
    [`whsec_${short}`, "invalid_secret"],
    [`whsec_${HIDDEN}!!!!`, "invalid_secret_encoding"],
    [`topsecret_${HIDDEN}`, "invalid_secret"],
    [publicKey, "invalid_secret"],
  ];
  for (const [secret, code] of cases) {
    for (const options of [{ secret }, { secrets: [secret] }]) {
      const error = errorOf(options) as Error & { readonly code?: string };
      assert.equal(error.code, code, secret);
      const part = secret.slice(6);
      assert.ok(part === "" || !error.stack?.includes(part), error.stack);
    }
  }
});

test("a webhook rejects an invalid retry policy, guard, filter or headers with its own error", () => {
  const wrong: readonly Wrong[] = [
    { retry: {} },
    { retry: { delay: () => 5, total: NaN } },
    { retry: { delay: 5, total: 5 } },
    { retryOn: 404 },
    { retryOn: "404" },
    { guard: true },
    { guard: null },
    { guard: {} },
    { headers: "authorization" },
    { filter: null },
    { filter: 5 },
    { filter: ["bash"] },
  ];
  const accepted: unknown[] = [];
  for (const options of wrong) {
    try {
      make(options);
      accepted.push(options);
    } catch (error) {
      assert.ok(error instanceof TypeError || error instanceof RangeError);
      const [option] = Object.keys(options);
      if (!new RegExp(`^Cannot create .*'${option}'`).test(error.message)) {
        accepted.push(`${option}: ${error.message}`);
      }
    }
  }
  assert.deepEqual(accepted, []);
});

test("a webhook with only name, events and URL has the defaults of the Go package", async () => {
  const { fetch, requests } = fakeFetch(500);
  const hook = hookOf({ fetch });
  const { name, events, timeout, concurrency, ordering, retry } = hook;
  assert.deepEqual({ name, events, timeout, concurrency, ordering }, {
    name: "hook",
    events: ["*"],
    timeout: 10_000,
    concurrency: 16,
    ordering: undefined,
  });
  assert.ok(!("ordering" in hook));
  assert.equal(retry.total, BY_DEFAULT.total);
  assert.equal((await attempt(hook)).verdict, "retry");
  assert.equal(requests[0]!.request.method, "POST");
});

test("a webhook accepts every option at its limits, and options that are undefined", () => {
  const all = ["method", "timeout", "retryCount", "retryDelay", "retry", "retryOn"];
  const others = ["format", "concurrency", "ordering", "fetch"];
  const names = [...all, ...others];
  make(Object.fromEntries(names.map((name) => [name, undefined])));
  make({ name: "n".repeat(64), url: new URL("http://h.example"), timeout: 120_000 });
  make({ retryCount: 100, retryDelay: 3_600_000, retryOn: [300, 599], concurrency: 10_000 });
  assert.equal(make({ ordering: "session" }).ordering, "session");
  assert.deepEqual(make({ events: ["a.b", "a.b", "tool.*"] }).events, ["a.b", "tool.*"]);
});

test("retry: the quick attempts come first, and don't shorten the schedule", () => {
  const schedule = scheduleRetry([100, 200]);
  const { retry } = hookOf({ retryCount: 2, retryDelay: 7, retry: schedule });
  const delays = [1, 2, 3, 4, 5].map((n) => retry.delay(n, 0.5));
  assert.deepEqual(delays, [7, 7, 100, 200, undefined]);
  assert.deepEqual([1, 2, 3, 4].map((n) => retry.delay(n, 0)), [7, 7, 80, 160]);
  assert.equal(retry.total, 14 + 360);
});

test("retry: without quick attempts it is the schedule, or the default of the outbox", () => {
  const { retry } = hookOf();
  for (let n = 1; n < 10; n++) assert.equal(retry.delay(n, 0.3), BY_DEFAULT.delay(n, 0.3));
  const { retry: quick } = hookOf({ retryCount: 1 });
  assert.deepEqual([quick.delay(1, 0.9), quick.delay(2, 0.5)], [1000, 5000]);
});
