/**
 * What the package does on the real workerd. `deno task test:workerd` starts the workers of this
 * folder and then runs this file, which is no `*_test.ts` because it can do nothing without them.
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import { type ReceiverStep, WebhookReceiver } from "@omniagent/hooks/testing";
import { generateSecret, verifyWebhook } from "@omniagent/hooks/webhook";
import { test } from "../support/harness.ts";
import { type Job, type Outcome, type Received, SECRET } from "./shared.ts";

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
/** Of a response, in milliseconds: a slower one is a failure. */
const TIMEOUT = 60_000;

const senderUrl = urlOf("sender");
const receiverUrl = urlOf("receiver");

test("the package is imported, and hooks are made, at global scope without nodejs_compat", async () => {
  const { host, counted, id } = await ask("import", { url: "" }) as Record<string, unknown>;
  assert.deepEqual(host, []);
  assert.deepEqual(counted, { "tool.called": 1 });
  assert.match(String(id), UUID_V7);
});

for (const format of ["native", "cloudevents", "cloudevents-binary"] as const) {
  test(`a webhook is signed by one worker and verified by another: ${format}`, async () => {
    const { id, failures } = await emit({ url: receiverUrl, format });
    assert.deepEqual(failures, []);
    const [event, ...others] = await receivedWith(id);
    assert.deepEqual([event?.type, event?.data], ["tool.called", { name: "bash" }]);
    assert.deepEqual(others, []);
  });
}

test("a webhook is sent over a service binding that is given as `fetch`", async () => {
  const { id } = await emit({ url: "https://receiver.example/", binding: true });
  assert.equal((await receivedWith(id)).length, 1);
});

test("webhookReceiver rejects the signature of another secret", async () => {
  const { failures } = await emit({ url: receiverUrl, secret: generateSecret() });
  assert.deepEqual(failures, ["the response was 401"]);
});

test("a webhook sent by workerd is the same as on other runtimes, and verifies there", () =>
  withReceiver([{}], async (receiver) => {
    const { id } = await emit({ url: receiver.url });
    const { method, headers, body, ...request } = receiver.requests[0]!;
    const fields = ["id", "type", "timestamp", "session_id", "data"];
    assert.deepEqual([method, Object.keys(request.json() as object)], ["POST", fields]);
    assert.equal(headers.get("content-type"), "application/json");
    assert.equal(headers.get("user-agent"), "omniagent-hooks");
    assert.equal((await verifyWebhook(body, headers, { secrets: SECRET })).id, id);
  }));

test("a failed attempt is retried, redirects are not followed, and endless responses are truncated", () =>
  withReceiver(
    [{ status: 503 }, { redirect: receiverUrl }, { endless: true }],
    async (receiver) => {
      assert.deepEqual((await emit({ url: receiver.url, retryCount: 1 })).failures, [
        "the response was 503",
        "the response was a redirect (302), which is not followed",
      ]);
      assert.deepEqual((await emit({ url: receiver.url })).failures, []);
      await receiver.waitFor(({ stats }) => stats.abandoned === 1);
    },
  ));

test("an attempt without response headers ends with its timeout, and its connection too", () =>
  withReceiver([{ hold: "headers" }], async (receiver) => {
    const { failures } = await emit({ url: receiver.url, timeout: 50 });
    assert.deepEqual(failures, ["it was not complete within 50 ms"]);
    await receiver.waitFor(({ stats }) => stats.abandoned === 1);
  }));

test("a 2xx whose body never comes is delivered, and its connection ends with the timeout", () =>
  withReceiver([{ hold: "body" }], async (receiver) => {
    assert.deepEqual((await emit({ url: receiver.url, timeout: 50 })).failures, []);
    await receiver.waitFor(({ stats }) => stats.abandoned === 1);
  }));

test("the signal of emit() ends an attempt, and its connection too", () =>
  withReceiver([{ hold: "headers" }], async (receiver) => {
    const { failures } = await emit({ url: receiver.url, abortAfter: 50 });
    assert.deepEqual(failures, ["the attempt was aborted"]);
    await receiver.waitFor(({ stats }) => stats.abandoned === 1);
  }));

test("a handler that ignores its signal fails at its timeout", async () => {
  const { failure } = await ask("handler-timeout", { url: "" }) as Record<string, unknown>;
  assert.match(String(failure), /^HookTimeoutError/);
});

test("emitInBackground() with ctx.waitUntil delivers after the response, including a second attempt", () =>
  withReceiver([{ hold: "headers", status: 503 }, {}], async (receiver) => {
    await emitInBackground(receiver, { retryCount: 1, waitUntil: true });
    assert.equal(receiver.stats.activeRequests, 1); // the first attempt has no response yet
    receiver.release();
    await receiver.waitFor(2);
    await receiver.waitFor(({ stats }) => stats.activeRequests === 0);
    assert.equal(receiver.stats.abandoned, 0);
  }));

test("emitInBackground() without ctx.waitUntil ends with the response", () =>
  withReceiver([{ hold: "headers" }], async (receiver) => {
    await emitInBackground(receiver, {});
    await receiver.waitFor(({ stats }) => stats.abandoned === 1);
  }));

test("simultaneous requests share the hooks of the first, so that each event is sent once", () =>
  withReceiver([{ delay: 1 }], async (receiver) => {
    const job = { url: receiver.url, shared: "emit" };
    const outcomes = await Promise.all(Array.from({ length: 40 }, () => emit(job)));
    const sent = receiver.requests.map(({ headers }) => headers.get("webhook-id"));
    assert.deepEqual(sent.sort(), outcomes.map(({ id }) => id).sort());
    assert.equal(new Set(sent).size, 40);
  }));

test("the address guard rejects names, which it can't resolve here", async () => {
  const messages = {
    "https://receiver.example/": /this runtime has no resolver\. Pass 'resolve' to the guard/,
    "https://127.0.0.1/": /127\.0\.0\.1 is in 127\.0\.0\.0\/8 \(loopback\)/,
    "https://[::ffff:10.0.0.1]/": /::ffff:a00:1 is in/,
  };
  for (const [url, message] of Object.entries(messages)) {
    const { error, ...capabilities } = await ask("guard", { url }) as Record<string, unknown>;
    assert.match(String(error), message);
    const expected = { runtime: "workerd", resolves: false, pinned: false };
    assert.deepEqual(capabilities, { own: expected, platform: expected });
  }
  const { error } = await ask("guard", { url: "https://1.1.1.1/" }) as Record<string, unknown>;
  assert.equal(error, undefined);
});

test("the app accepts events with a token, and serves its OpenAPI document", async () => {
  const post = (path: string, body: unknown, token = SECRET.slice("whsec_".length)) =>
    askApp(path, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const event = { type: "tool.called", data: { name: "waited for" } };
  const { receipts } = await (await post("/hooks/events?wait=true", event)).json();
  assert.match(receipts[0].id, UUID_V7);
  assert.deepEqual(receipts[0].handlers.map(({ ok }: { ok: boolean }) => ok), [true]);
  const invalid = await post("/hooks/events", { type: "A" });
  assert.equal((await invalid.json()).code, "request_invalid");
  const refused = await post("/hooks/events", event, "a-token-that-is-not-known");
  assert.equal((await refused.json()).code, "token_invalid");
  const document = await (await askApp("/hooks/openapi.json")).json();
  assert.deepEqual(document.servers, [{ url: "/hooks" }]);
});

test("the app responds before handlers have run, and the worker stays alive for them", async () => {
  const data = { name: "not waited for" };
  const headers = {
    authorization: `Bearer ${SECRET.slice("whsec_".length)}`,
    "content-type": "application/json",
  };
  const body = JSON.stringify({ type: "tool.called", data });
  const posted = await askApp("/hooks/events", { method: "POST", headers, body });
  assert.equal(posted.status, 202);
  await posted.body?.cancel();
  const received = async () =>
    (await (await askApp("/received")).json() as { name: string }[]).map(({ name }) => name);
  assert.ok(!(await received()).includes(data.name));
  while (!(await received()).includes(data.name));
});

test("the app serves its console, behind a sign-in, and without a compatibility flag", async () => {
  const token = SECRET.slice("whsec_".length);
  const origin = new URL(urlOf("app")).origin;
  const refused = await askApp("/hooks/console/", { redirect: "manual" });
  await refused.body?.cancel();
  assert.equal(refused.status, 303);
  const signedIn = await askApp("/hooks/console/sign-in", {
    method: "POST",
    headers: { origin, "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ token }),
    redirect: "manual",
  });
  await signedIn.body?.cancel();
  assert.equal(signedIn.status, 303);
  const cookie = signedIn.headers.get("set-cookie")!.split(";", 1)[0]!;
  for (const page of ["", "events", "deliveries", "dead-letters", "targets", "webhooks", "gates"]) {
    const response = await askApp(`/hooks/console/${page}`, { headers: { cookie } });
    const html = await response.text();
    assert.equal(response.status, 200, `${page}: ${html}`);
    assert.match(html, /<\/html>\s*$/);
  }
});

test("the app creates stored webhooks by IP address, and reports that it can't check names", async () => {
  const send = (method: string, path: string, body?: unknown) =>
    askApp(`/hooks${path}`, {
      method,
      headers: {
        authorization: `Bearer ${SECRET.slice("whsec_".length)}`,
        "content-type": "application/json",
        "if-match": "*",
      },
      ...body !== undefined && { body: JSON.stringify(body) },
    });
  const webhook = { name: "a", events: ["job.*"] };
  const named = await send("POST", "/webhooks", { ...webhook, url: "https://a.example/" });
  const { status, errors } = await named.json();
  assert.deepEqual([status, errors[0].pointer], [422, "/url"]);
  assert.match(errors[0].detail, /this runtime has no resolver\. Pass 'resolve' to the guard/);
  const created = await send("POST", "/webhooks", { ...webhook, url: "https://1.1.1.1/" });
  const { name, secret } = await created.json();
  assert.deepEqual([created.status, name], [201, "a"]);
  assert.match(secret, /^whsec_/);
  const { webhooks } = await (await send("GET", "/webhooks")).json();
  assert.deepEqual(webhooks.map(({ name }: { name: string }) => name), ["a"]);
  const changed = await send("PATCH", "/webhooks/a", { timeout: "5s" });
  assert.deepEqual([changed.status, (await changed.json()).timeout], [200, "5s"]);
  assert.deepEqual(await (await send("DELETE", "/webhooks/a")).json(), { name, deleted: true });
});

const askApp = (path: string, init: RequestInit = {}) =>
  fetch(new URL(path, urlOf("app")), { ...init, signal: AbortSignal.timeout(TIMEOUT) });

const emit = (job: Job) => ask("emit", job) as Promise<Outcome>;

/** Has the sender emit in the background, and respond when the receiver has the first attempt. */
function emitInBackground(receiver: WebhookReceiver, job: Omit<Job, "url">): Promise<void> {
  const arrived = () => receiver.waitFor(1).then(() => ({}));
  return withReceiver([arrived], async (gate) => {
    await ask("emit-in-background", { ...job, url: receiver.url, respondAfter: gate.url });
  });
}

/** Has the sending worker do something. */
async function ask(route: string, job: Job): Promise<unknown> {
  const body = JSON.stringify(job);
  const signal = AbortSignal.timeout(TIMEOUT);
  const response = await fetch(`${senderUrl}${route}`, { method: "POST", body, signal });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text);
}

/** What the receiving worker has verified under an id. */
async function receivedWith(id: string): Promise<Received[]> {
  const response = await fetch(receiverUrl, { signal: AbortSignal.timeout(TIMEOUT) });
  return (await response.json() as Received[]).filter((event) => event.id === id);
}

async function withReceiver(
  script: readonly ReceiverStep[],
  run: (receiver: WebhookReceiver) => Promise<void>,
): Promise<void> {
  const receiver = await WebhookReceiver.start(...script);
  await run(receiver).finally(() => receiver.close());
}

function urlOf(worker: string): string {
  const url = process.env[`WORKERD_${worker.toUpperCase()}`];
  if (url === undefined) {
    throw new Error("No worker listens: start this with deno task test:workerd");
  }
  return url;
}
