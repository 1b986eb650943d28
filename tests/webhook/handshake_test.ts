/**
 * The sender's half of the validation handshake of the CloudEvents webhook spec: permission before the
 * first request, and the allowed rate.
 * @module
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { WebhookHook, WebhookHookOptions } from "@omniagent/hooks/webhook";
import { hooksFromConfig } from "@omniagent/hooks/config";
import { loadConfig } from "@omniagent/hooks/config/yaml";
import { test } from "../support/harness.ts";
import { attempt, fakeFetch, hookOf, inVirtualTime, settle } from "./hook_checks.ts";

const ORIGIN = "events.example.com";

/** A receiver that responds to OPTIONS with some headers, and to everything else with 200. */
function receiver(
  allowed: Readonly<Record<string, string>> | Response | (() => Response | Promise<Response>),
) {
  return fakeFetch(({ method }) => {
    if (method !== "OPTIONS") return new Response(null, { status: 200 });
    if (typeof allowed === "function") return allowed();
    return allowed instanceof Response ? allowed.clone() : new Response(null, { headers: allowed });
  });
}

function sender(fetch: typeof globalThis.fetch, options: Partial<WebhookHookOptions> = {}) {
  return hookOf({ fetch, handshake: { origin: ORIGIN }, ...options });
}

const methods = ({ requests }: ReturnType<typeof receiver>) =>
  requests.map(({ request }) => request.method).join();

test("permission is requested once, before the first request", async () => {
  const peer = receiver({ "webhook-allowed-origin": ORIGIN });
  const headers = { authorization: "Bearer t", "x-a": "b" };
  const hook = sender(peer.fetch, { headers, handshake: { origin: ORIGIN, rate: 120 } });
  for (let n = 0; n < 3; n++) assert.equal((await attempt(hook)).verdict, "delivered");
  assert.equal(methods(peer), "OPTIONS,POST,POST,POST");
  const { request } = peer.requests[0]!;
  assert.equal(request.headers.get("webhook-request-origin"), ORIGIN);
  assert.equal(request.headers.get("webhook-request-rate"), "120");
  assert.equal(request.headers.get("authorization"), "Bearer t");
  assert.equal(request.headers.get("webhook-signature"), null);
  assert.equal(await request.text(), "");
});

test("concurrent attempts ask for permission once, and wait for it", async () => {
  let grant: (response: Response) => void = () => {};
  const peer = receiver(() => new Promise<Response>((resolve) => grant = resolve));
  const hook = sender(peer.fetch);
  const made = Promise.all(Array.from({ length: 9 }, () => attempt(hook)));
  await settle();
  assert.equal(methods(peer), "OPTIONS");
  grant(new Response(null, { headers: { "webhook-allowed-origin": "*" } }));
  assert.ok((await made).every(({ verdict }) => verdict === "delivered"));
  assert.equal(methods(peer), `OPTIONS${",POST".repeat(9)}`);
});

for (const origin of [ORIGIN, "*", " * ", "EVENTS.example.com", `other.example, ${ORIGIN}`]) {
  test(`WebHook-Allowed-Origin: '${origin}' is a permission`, async () => {
    const { fetch } = receiver({ "webhook-allowed-origin": origin });
    assert.equal((await attempt(sender(fetch))).verdict, "delivered");
  });
}

const rejections: readonly (readonly [kind: string, response: Response, verdict: string])[] = [
  ["no WebHook-Allowed-Origin", new Response(null), "retry"],
  ["another origin", new Response(null, { headers: { "webhook-allowed-origin": "a.b" } }), "retry"],
  ["an empty origin", new Response(null, { headers: { "webhook-allowed-origin": "" } }), "retry"],
  [
    "a part of it",
    new Response(null, { headers: { "webhook-allowed-origin": "example.com" } }),
    "retry",
  ],
  ["401", new Response(null, { status: 401 }), "retry"],
  ["405", new Response(null, { status: 405 }), "retry"],
  ["410", new Response(null, { status: 410 }), "disable"],
  ["302", new Response(null, { status: 302, headers: { location: "/" } }), "retry"],
  ["503", new Response(null, { status: 503 }), "retry"],
  [
    "403 with a permission",
    new Response(null, { status: 403, headers: { "webhook-allowed-origin": "*" } }),
    "retry",
  ],
];

for (const [kind, response, verdict] of rejections) {
  test(`a validation response with ${kind} makes '${verdict}', and nothing is sent`, async () => {
    const peer = receiver(response);
    const hook = sender(peer.fetch);
    for (let n = 0; n < 2; n++) {
      const made = await attempt(hook);
      assert.deepEqual([made.verdict, made.status], [verdict, response.status]);
      assert.match(made.error!, /validation handshake/);
    }
    assert.equal(methods(peer), "OPTIONS,OPTIONS"); // a rejection is not cached
  });
}

test("a validation request that fails or takes too long is retried, with Retry-After", async () => {
  const { fetch } = fakeFetch(new Error("no route"));
  assert.deepEqual((await attempt(sender(fetch))).verdict, "retry");
  const busy = receiver(new Response(null, { status: 429, headers: { "retry-after": "7" } }));
  const { verdict, retryAfter } = await attempt(sender(busy.fetch));
  assert.deepEqual([verdict, retryAfter], ["retry", 7000]);
  const silent = receiver(() => new Promise<Response>(() => {}));
  const late = await attempt(sender(silent.fetch, { timeout: 30 }));
  assert.deepEqual([late.verdict, late.error], ["retry", "it was not complete within 30 ms"]);
});

test("an attempt that times out waiting for the permission does not block others", async () => {
  let calls = 0;
  const peer = receiver(() =>
    calls++ === 0
      ? new Promise<Response>(() => {})
      : new Response(null, { headers: { "webhook-allowed-origin": "*" } })
  );
  const hook = sender(peer.fetch, { timeout: 500 });
  const controller = new AbortController();
  const first = attempt(hook, { signal: controller.signal });
  const second = attempt(hook);
  await settle();
  controller.abort();
  assert.equal((await first).verdict, "retry");
  assert.equal((await second).verdict, "delivered");
});

test("an event that a transform drops requests no permission", async () => {
  const peer = receiver(new Response(null, { status: 405 }));
  const { skipped } = await attempt(sender(peer.fetch, { transform: () => null }));
  assert.deepEqual([skipped, methods(peer)], [true, ""]);
});

test("the allowed rate is kept in every minute, by short waits or a scheduled retry", () =>
  inVirtualTime(async ({ pass }) => {
    const headers = { "webhook-allowed-origin": "*", "webhook-allowed-rate": "3" };
    const peer = receiver(headers);
    const hook = sender(peer.fetch, { timeout: 30_000 });
    for (let n = 0; n < 3; n++) assert.equal((await attempt(hook)).verdict, "delivered");
    const fourth = await attempt(hook);
    assert.deepEqual([fourth.verdict, fourth.retryAfter, fourth.status], [
      "retry",
      60_000,
      undefined,
    ]);
    assert.match(fourth.error!, /WebHook-Allowed-Rate/);
    await pass(50_000);
    const waiting = attempt(hook);
    await pass(9_000);
    assert.equal(peer.requests.length, 1 + 3);
    await pass(1_000);
    assert.equal((await waiting).verdict, "delivered");
    assert.equal((await attempt(hook)).verdict, "delivered");
    assert.equal(methods(peer), `OPTIONS${",POST".repeat(5)}`);
  }));

test("without an allowed rate the requested one applies, and '*' means no limit", () =>
  inVirtualTime(async () => {
    const origin = { "webhook-allowed-origin": "*" };
    const rows:
      readonly (readonly [allowed: string | undefined, asked: number | undefined, sent: number])[] =
        [
          [undefined, 2, 2],
          ["*", 2, 8],
          ["5", 2, 5],
          ["0", 2, 2],
          ["many", 2, 2],
          ["-1", undefined, 8],
          [undefined, undefined, 8],
        ];
    for (const [allowed, rate, sent] of rows) {
      const { fetch } = receiver({
        ...origin,
        ...(allowed === undefined ? {} : { "webhook-allowed-rate": allowed }),
      });
      const hook = sender(fetch, { timeout: 1000, handshake: { origin: ORIGIN, rate } });
      const made = [];
      for (let n = 0; n < 8; n++) made.push(await attempt(hook));
      assert.equal(made.filter(({ verdict }) => verdict === "delivered").length, sent, allowed);
    }
  }));

test("a rate of over a thousand requests a minute is kept in shorter windows", () =>
  inVirtualTime(async ({ pass }) => {
    const headers = { "webhook-allowed-origin": "*", "webhook-allowed-rate": "60000" };
    const peer = receiver(headers);
    const hook = sender(peer.fetch, { timeout: 500 });
    const made = await Promise.all(Array.from({ length: 16 }, () => attempt(hook)));
    assert.ok(made.every(({ verdict }) => verdict === "delivered"));
    await pass(1);
  }));

const wrong: readonly unknown[] = [
  null,
  "events.example.com",
  {},
  { origin: "" },
  { origin: "https://events.example.com" },
  { origin: "a b" },
  { origin: "a\r\nb" },
  { origin: "*" },
  { origin: 5 },
  { origin: ORIGIN, rate: 0 },
  { origin: ORIGIN, rate: 1.5 },
  { origin: ORIGIN, rate: "5" },
  { origin: ORIGIN, callback: "x" },
];

for (const handshake of wrong) {
  test(`a webhook rejects the handshake ${JSON.stringify(handshake)}`, () =>
    assert.throws(() => hookOf({ handshake: handshake as never }), /'handshake/));
}

test("a configuration file can set the handshake", async () => {
  const text = (handshake: string) => `
hooks:
  webhooks:
    - name: a
      events: ["*"]
      url: https://a.example/
      handshake: ${handshake}
`;
  const load = (handshake: string) => loadConfig(text(handshake), { env: {} });
  const peer = receiver({ "webhook-allowed-origin": ORIGIN });
  const config = load(`{ origin: ${ORIGIN}, rate: 60 }`);
  const [hook] = hooksFromConfig(config, { fetch: peer.fetch }) as readonly WebhookHook[];
  assert.equal((await attempt(hook!)).verdict, "delivered");
  assert.equal(peer.requests[0]!.request.headers.get("webhook-request-rate"), "60");
  for (const wrong of ["yes", "{}", "{ origin: 'https://a' }", "{ origin: a, rate: 0 }"]) {
    assert.throws(() => load(wrong), /handshake/);
  }
});

test("the handshake works over a socket", async () => {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.headers["webhook-request-origin"] ?? ""}`);
    if (request.method === "OPTIONS") {
      response.writeHead(200, { "WebHook-Allowed-Origin": ORIGIN, "WebHook-Allowed-Rate": "100" });
    }
    request.resume().on("end", () => response.end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { readonly port: number };
  try {
    const hook = hookOf({ url: `http://127.0.0.1:${port}/`, handshake: { origin: ORIGIN } });
    assert.equal((await attempt(hook)).verdict, "delivered");
    assert.deepEqual(seen, [`OPTIONS ${ORIGIN}`, "POST "]);
  } finally {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
});
