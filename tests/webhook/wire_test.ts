/**
 * What is on the wire: exact bytes and headers, over a real socket, and read by the real packages.
 * @module
 */
import assert from "node:assert/strict";
import { type CloudEvent, HTTP } from "cloudevents";
import { decodeEvent, type HookEvent } from "@omniagent/hooks";
import type { WebhookHookOptions } from "@omniagent/hooks/webhook";
import { generateKeyPair, generateSecret, verifyWebhook } from "@omniagent/hooks/webhook";
import type { RecordedRequest } from "@omniagent/hooks/testing";
import { Webhook as StandardWebhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
import { test } from "../support/harness.ts";
import {
  attempt,
  contextOf,
  EVENT,
  fakeFetch,
  hookOf,
  inVirtualTime,
  START,
  withReceiver,
} from "./hook_checks.ts";

const WIRE = '{"id":"0192f0c1-7c1e-7a3b-8f55-2f6f0a5c9d10","type":"tool.called",' +
  '"timestamp":"2026-04-22T10:30:00.125Z","session_id":"s-1","data":{"name":"bash"}}';

/** The request that a hook makes of an event, as a receiver sees it. */
async function sent(
  options: Partial<WebhookHookOptions>,
  event: HookEvent = EVENT,
): Promise<RecordedRequest> {
  const found: RecordedRequest[] = [];
  await withReceiver([], async ({ url, requests }) => {
    const { verdict, error } = await attempt(hookOf({ url: `${url}a/b?c=d#e`, ...options }), {
      event,
    });
    assert.equal(verdict, "delivered", error);
    found.push(...requests);
  });
  assert.equal(found.length, 1);
  return found[0]!;
}

const plain = ({ headers }: RecordedRequest) => Object.fromEntries(headers);

test("a webhook is a POST of native JSON, with its fields in the order of the Go package", async () => {
  const request = await sent({});
  assert.deepEqual([request.method, request.path], ["POST", "/a/b?c=d"]);
  assert.equal(request.text(), WIRE);
  assert.equal(request.headers.get("content-type"), "application/json");
  assert.equal(request.headers.get("content-length"), String(WIRE.length));
  assert.equal(request.headers.get("user-agent"), "omniagent-hooks");
});

test("session_id is absent without a session and for an empty one", async () => {
  const { sessionId: _, ...without } = EVENT;
  for (const event of [without, { ...EVENT, sessionId: "" }]) {
    assert.equal((await sent({}, event)).text(), WIRE.replace('"session_id":"s-1",', ""));
  }
});

test("timestamps are RFC 3339 in UTC with milliseconds, for the earliest and latest dates", async () => {
  for (
    const time of [
      "0000-01-01T00:00:00.000Z",
      "1969-12-31T23:59:59.999Z",
      "9999-12-31T23:59:59.999Z",
    ]
  ) {
    const { timestamp } = (await sent({}, { ...EVENT, timestamp: new Date(time) })).json() as {
      timestamp: string;
    };
    assert.equal(timestamp, time);
  }
});

test("an event that can't be written is final, and nothing is sent", async () => {
  const { fetch, requests } = fakeFetch(200);
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  for (
    const event of [{ data: 1n }, { data: cycle }, { timestamp: new Date(NaN) }, { id: "a.b" }]
  ) {
    for (const format of ["native", "cloudevents", "cloudevents-binary"] as const) {
      const made = await attempt(hookOf({ fetch, format }), { event: { ...EVENT, ...event } });
      assert.deepEqual([made.verdict, made.status], ["final", undefined], made.error);
    }
  }
  assert.equal(requests.length, 0);
});

test("PUT, custom headers, and a custom content-type are sent unchanged", async () => {
  const headers = {
    Authorization: "Bearer t-1",
    "Content-Type": "application/vnd.a+json",
    "User-Agent": "me",
  };
  for (const given of [headers, new Headers(headers)]) {
    const request = await sent({ method: "PUT", headers: given });
    assert.equal(request.method, "PUT");
    const { authorization, "content-type": type, "user-agent": agent } = plain(request);
    assert.deepEqual([authorization, type, agent], Object.values(headers));
  }
});

test("an unsigned webhook carries its id and the time of the attempt, and no signature", async () => {
  const before = Math.floor(Date.now() / 1000);
  const { headers } = await sent({});
  assert.equal(headers.get("webhook-id"), EVENT.id);
  assert.match(headers.get("webhook-timestamp")!, /^\d+$/);
  const timestamp = Number(headers.get("webhook-timestamp"));
  assert.ok(timestamp >= before && timestamp <= Date.now() / 1000);
  assert.equal(headers.get("webhook-signature"), null);
});

for (const secret of [undefined, generateSecret()]) {
  test(`retries of ${secret ? "a signed" : "an unsigned"} webhook have the same body and webhook-id, and their own webhook-timestamp`, () =>
    inVirtualTime(async ({ pass }) => {
      const { fetch, requests } = fakeFetch(503);
      const hook = hookOf({
        fetch,
        retryCount: 2,
        retryDelay: 90_500,
        ...(secret ? { secret } : {}),
      });
      const failed = hook.deliver(EVENT, contextOf()).catch((error) => error);
      for (let n = 1; n < 3; n++) { // signing takes turns of the event loop, not time
        while (requests.length < n) await pass(0);
        await pass(90_500);
      }
      await failed;
      const stamps = requests.map(({ request }) =>
        Number(request.headers.get("webhook-timestamp"))
      );
      assert.deepEqual(stamps.map((stamp) => stamp - START / 1000), [0, 90, 181]);
      for (const { request, at } of requests) {
        assert.equal(request.headers.get("webhook-id"), EVENT.id);
        assert.equal(await request.text(), WIRE);
        const now = () => at;
        if (secret) await verifyWebhook(WIRE, request.headers, { secrets: secret, now });
      }
      const signatures = requests.map(({ request }) => request.headers.get("webhook-signature"));
      assert.equal(new Set(signatures).size, secret ? 3 : 1);
    }));
}

test("every secret signs, v1 and v1a, and each signature verifies here, in standardwebhooks, and svix", async () => {
  const [old, fresh] = [generateSecret(), generateSecret()];
  const { secretKey, publicKey } = await generateKeyPair();
  for (const format of ["native", "cloudevents", "cloudevents-binary"] as const) {
    const data = { text: "Zürich 🚀 世界 \u2028" };
    const request = await sent({ format, secrets: [old, secretKey, fresh] }, { ...EVENT, data });
    const [headers, text] = [plain(request), request.text()];
    assert.match(headers["webhook-signature"]!, /^v1,\S+ v1a,\S+ v1,\S+$/);
    for (const secrets of [old, fresh, publicKey]) {
      await verifyWebhook(request.body, request.headers, { secrets });
    }
    for (const secret of [old, fresh]) {
      new StandardWebhook(secret).verify(text, headers);
      new SvixWebhook(secret).verify(text, headers);
    }
    assert.throws(() => new StandardWebhook(generateSecret()).verify(text, headers), /No matching/);
  }
});

for (
  const [format, type] of [
    ["cloudevents", "application/cloudevents+json"],
    ["cloudevents-binary", "application/json"],
  ] as const
) {
  test(`the format ${format} is read by the CloudEvents SDK`, async () => {
    const data = { name: "bäsh 世界" };
    const request = await sent({ format }, { ...EVENT, sessionId: "s/ü %", data });
    assert.equal(request.headers.get("content-type"), type);
    const read = HTTP.toEvent({ headers: plain(request), body: request.text() }) as CloudEvent<
      unknown
    >;
    assert.equal(read.validate(), true);
    const { id, type: eventType, time, source } = read;
    assert.deepEqual({ id, type: eventType, source, data: read.data }, {
      id: EVENT.id,
      type: EVENT.type,
      source: "urn:omniagent:hooks",
      data,
    });
    assert.equal(new Date(time!).getTime(), EVENT.timestamp.getTime());
    if (format === "cloudevents") assert.equal(read.sessionid, "s/ü %");
    else assert.equal(request.headers.get("ce-sessionid"), "s/%C3%BC%20%25");
  });
}

test("transform: an event is written in the format, with the webhook-id of the original", async () => {
  const transform = (event: HookEvent) => ({ ...event, id: "e-2", data: { name: "***" } });
  const request = await sent({ transform });
  assert.deepEqual(decodeEvent(request.body), transform(EVENT));
  assert.equal(request.headers.get("webhook-id"), EVENT.id);
});

test("transform: JSON that isn't an event becomes the whole body, and is signed", async () => {
  const secret = generateSecret();
  for (const value of [{ text: "bash was called 世" }, [1, null], "text", 0, false, ""]) {
    const request = await sent({ secret, transform: () => Promise.resolve(value) });
    assert.equal(request.text(), JSON.stringify(value));
    await verifyWebhook(request.body, request.headers, { secrets: secret });
  }
  const { text } = await sent({ format: "cloudevents", transform: () => ({ text: "bash" }) });
  assert.deepEqual((JSON.parse(text()) as { data: unknown }).data, { text: "bash" });
});

test("transform: null settles the delivery without a request", async () => {
  const { fetch, requests } = fakeFetch(500);
  const hook = hookOf({ fetch, transform: () => null });
  const { duration: _, ...made } = await attempt(hook);
  assert.deepEqual(made, { verdict: "delivered", skipped: true });
  await hook.deliver(EVENT, contextOf());
  assert.equal(requests.length, 0);
});

test("transform: it runs at each attempt", async () => {
  const { fetch, requests } = fakeFetch(500, 200);
  let n = 0;
  const hook = hookOf({ fetch, retryCount: 1, retryDelay: 0, transform: () => ({ n: ++n }) });
  await hook.deliver(EVENT, contextOf());
  const bodies = await Promise.all(requests.map(({ request }) => request.text()));
  assert.deepEqual(bodies, ['{"n":1}', '{"n":2}']);
});

const cyclic = new Error("round");
cyclic.cause = cyclic;
const faults: readonly (readonly [kind: string, transform: () => unknown, error: RegExp])[] = [
  ["throws", () => assert.fail("no paper"), /no paper/],
  ["rejects", () => Promise.reject(new Error("no ink", { cause: "dry" })), /^no ink: dry$/],
  ["rejects with nothing", () => Promise.reject(), /\S/],
  ["throws what is its own cause", () => Promise.reject(cyclic), /^round$/],
  ["gives undefined", () => undefined, /^'transform' returned undefined$/],
  ["gives a bigint", () => 1n, /bigint/i],
  ["gives a function", () => () => {}, /function|JSON/],
];

for (const [kind, transform, error] of faults) {
  test(`transform: one that ${kind} fails the attempt with its reason, and sends nothing`, async () => {
    const { fetch, requests } = fakeFetch(200);
    const made = await attempt(hookOf({ fetch, transform }));
    assert.ok(made.verdict === "retry" || made.verdict === "final", made.verdict);
    assert.match(made.error ?? "", error);
    assert.equal(requests.length, 0);
  });
}
