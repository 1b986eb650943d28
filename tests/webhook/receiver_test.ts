/**
 * `webhookReceiver`: its responses, and that it calls its handler once per message.
 * @module
 */
import assert from "node:assert/strict";
import type { HookEvent } from "@omniagent/hooks";
import type { Store } from "@omniagent/hooks/store";
import { memoryStore } from "@omniagent/hooks/testing";
import {
  type CloudEventMessage,
  encodeCloudEvent,
  encodeCloudEventBatch,
  generateSecret,
  webhookReceiver,
  type WebhookReceiverOptions,
} from "@omniagent/hooks/webhook";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { EVENT, until } from "./hook_checks.ts";
import { BODY, JSON_TYPE, receiver, SECRET, signed } from "./receiver_checks.ts";

/** A receiver that records the events it handles. */
function recording(options: Partial<WebhookReceiverOptions> = {}) {
  const events: HookEvent[] = [];
  return { events, receive: receiver((event) => void events.push(event), options) };
}

/** A handler whose calls the test ends one by one. */
function held() {
  const ends: { readonly resolve: () => void; readonly reject: (reason: unknown) => void }[] = [];
  const handler = () => new Promise<void>((resolve, reject) => void ends.push({ resolve, reject }));
  return { ends, handler };
}

/** Returns the status and the code of a response, which is a problem document unless it is 200. */
async function summaryOf(response: Response): Promise<string> {
  if (response.status === 200) {
    const { ok, duplicate } = await response.json();
    assert.equal(ok, true);
    return duplicate ? "200 duplicate" : "200";
  }
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  const { type, status, code, detail } = await response.json();
  assert.deepEqual([type, status], ["about:blank", response.status]);
  assert.equal(typeof detail, "string");
  return `${status} ${code}`;
}

const without = (name: string) => async () => {
  const request = await signed();
  request.headers.delete(name);
  return request;
};
const withHeader = (name: string, value: string) => async () => {
  const request = await signed();
  request.headers.set(name, value);
  return request;
};
const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000);
const batch = (events: readonly HookEvent[]) => {
  const { headers, body }: CloudEventMessage = encodeCloudEventBatch(events);
  return signed({ headers, body });
};
const get = () => Promise.resolve(new Request("http://h.example/"));
const outcomes: readonly (readonly [string, () => Promise<Request>, expected: string])[] = [
  ["a signed event", signed, "200"],
  ["a GET", get, "405 method_not_allowed"],
  ["no signature", without("webhook-signature"), "401 missing_header"],
  ["no id", without("webhook-id"), "401 missing_header"],
  ["no timestamp", without("webhook-timestamp"), "401 missing_header"],
  ["two ids", withHeader("webhook-id", "a, b"), "400 duplicate_header"],
  ["an id with a dot", withHeader("webhook-id", "a.b"), "400 invalid_header"],
  ["a timestamp with junk", withHeader("webhook-timestamp", "123junk"), "400 invalid_header"],
  ["a short signature", withHeader("webhook-signature", "v1,AAAA"), "400 invalid_signature"],
  ["a signature of v9", withHeader("webhook-signature", "v9,AAAA"), "400 unsupported_version"],
  ["another id", withHeader("webhook-id", "msg_2"), "401 no_matching_signature"],
  ["another secret", () => signed({ secret: generateSecret() }), "401 no_matching_signature"],
  ["an old signature", () => signed({ timestamp: ago(6) }), "401 timestamp_too_old"],
  ["one from the future", () => signed({ timestamp: ago(-6) }), "401 timestamp_too_new"],
  ["what is no JSON", () => signed({ body: "{" }), "400 event_invalid"],
  ["an empty body", () => signed({ body: "" }), "400 event_invalid"],
  ["a list", () => signed({ body: "[]" }), "400 event_invalid"],
  ["JSON that is no event", () => signed({ body: '{"type":"a.b"}' }), "400 event_invalid"],
  ["a batch of one", () => batch([EVENT]), "200"],
  ["a batch of two", () => batch([EVENT, { ...EVENT, id: "e-2" }]), "400 event_invalid"],
  ["an empty batch", () => batch([]), "400 event_invalid"],
];

for (const [kind, request, expected] of outcomes) {
  test(`${kind} gets ${expected}, and is handled only if that is 200`, async () => {
    const { events, receive } = recording();
    assert.equal(await summaryOf(await receive(await request())), expected);
    assert.equal(events.length, expected === "200" ? 1 : 0);
  });
}

test("a body that is not UTF-8 is rejected, with or without an id", async () => {
  const [before, after] = ['{"type":"a.b","timestamp":"2026-04-22T10:30:00Z","data":"', '"}'];
  for (const id of ["", '"id":"e-1",']) {
    const text = new TextEncoder().encode(before.replace("{", `{${id}`) + "?" + after);
    const body = text.map((byte) => byte === 0x3f ? 0xff : byte);
    const { receive } = recording();
    assert.equal(await summaryOf(await receive(await signed({ body }))), "400 event_invalid", id);
  }
});

test("a body over the limit is rejected, by its content-length or by counting", async () => {
  const { events, receive } = recording({ maxBodyBytes: BODY.length });
  assert.equal(await summaryOf(await receive(await signed())), "200");
  for (const length of [undefined, String(BODY.length + 1), "1", "junk"]) {
    const request = await signed({ id: "msg_2", body: `${BODY} ` });
    if (length !== undefined) request.headers.set("content-length", length);
    const response = await receive(request);
    assert.equal(await summaryOf(response), "413 body_too_large", length);
  }
  assert.equal(events.length, 1);
});

test("a body that does not arrive in time gets a 408", async () => {
  const { events, receive } = recording({ bodyTimeout: 20 });
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode(BODY.slice(0, 10))),
  });
  const headers = { "content-type": "application/json", "content-length": String(BODY.length) };
  const init = { method: "POST", headers, body, duplex: "half" } as RequestInit;
  const response = await receive(new Request("http://localhost/", init));
  assert.equal(response.headers.get("connection"), "close");
  assert.equal(await summaryOf(response), "408 body_timeout");
  assert.deepEqual(events, []);
});

test("an incomplete body gets a 400, and logs nothing", async () => {
  const logged: unknown[] = [];
  const logger = { ...silentLogger, error: (...data: unknown[]) => void logged.push(data) };
  const { events, receive } = recording({ logger });
  let pulls = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (pulls++ === 0) controller.enqueue(new TextEncoder().encode(BODY.slice(0, 10)));
      else controller.error(new TypeError("connection reset"));
    },
  }, { highWaterMark: 0 });
  const { headers } = await signed();
  const init = { method: "POST", headers, body, duplex: "half" } as RequestInit;
  const response = await receive(new Request("http://localhost/", init));
  assert.equal(await summaryOf(response), "400 body_incomplete");
  assert.deepEqual([events, logged], [[], []]);
});

test("a request whose body was already read is a server error, and logged", async () => {
  const logged: unknown[][] = [];
  const logger = { ...silentLogger, error: (...data: unknown[]) => void logged.push(data) };
  const { receive } = recording({ logger });
  const request = await signed();
  await request.text();
  assert.equal(await summaryOf(await receive(request)), "500 not_received");
  assert.match(String(logged[0]?.[1]), /the body of its request was already read/);
});

test("a receiver takes its secrets as 'secret' or as 'secrets'", async () => {
  for (const options of [{ secret: SECRET }, { secrets: SECRET }, { secrets: [SECRET] }]) {
    const receive = webhookReceiver(() => {}, { logger: silentLogger, ...options });
    assert.equal((await receive(await signed())).status, 200);
  }
  const wrong: readonly (readonly [options: object, message: RegExp])[] = [
    [{}, /^Cannot create a webhook receiver: 'secret' is missing$/],
    [{ secret: undefined }, /: 'secret' is undefined\. Check that its value is set$/],
    [{ secrets: undefined }, /: 'secrets' is undefined\. Check that its value is set$/],
    [{ secret: SECRET, secrets: [SECRET] }, /: set 'secret' or 'secrets', not both$/],
  ];
  for (const [options, message] of wrong) {
    assert.throws(() => webhookReceiver(() => {}, options), { message });
  }
});

test("a session is received even if it is longer than emit allows", async () => {
  const { events, receive } = recording();
  const sessionId = "s".repeat(300);
  const body = BODY.replace('"session_id":"s-1"', `"session_id":"${sessionId}"`);
  assert.equal(await summaryOf(await receive(await signed({ body }))), "200");
  assert.equal(events[0]?.sessionId, sessionId);
});

test("a body with a content-length over the limit is not read, and an endless one is canceled", async () => {
  let pulled = 0;
  const endless = () =>
    new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(++pulled && 1024)),
    });
  const send = (headers: Record<string, string>) =>
    new Request("http://h.example/", {
      method: "POST",
      body: endless(),
      headers,
      duplex: "half",
    } as RequestInit);
  const { receive } = recording({ maxBodyBytes: 4096 });
  assert.equal((await receive(send({ "content-length": "5000" }))).status, 413);
  assert.ok(pulled <= 1, `${pulled}`);
  assert.equal((await receive(send({}))).status, 413);
  assert.ok(pulled < 10, `${pulled}`);
});

test("an event without an id, as the Go package sends it, has that of its message", async () => {
  const { events, receive } = recording();
  const body = BODY.replace(/"id":"[^"]*",/, "");
  assert.equal(await summaryOf(await receive(await signed({ id: "msg_go", body }))), "200");
  assert.deepEqual(events, [{ ...EVENT, id: "msg_go" }]);
});

for (const mode of ["structured", "binary"] as const) {
  test(`a CloudEvent in ${mode} mode comes in as an event with the message's id`, async () => {
    const { events, receive } = recording();
    const { headers, body } = encodeCloudEvent(EVENT, { mode });
    assert.equal(await summaryOf(await receive(await signed({ headers, body }))), "200");
    assert.deepEqual(events, [{ ...EVENT, id: "msg_1" }]);
  });
}

test("a handler receives the event and the request", async () => {
  const timestamp = ago(1);
  timestamp.setMilliseconds(0);
  const seen: unknown[] = [];
  const receive = receiver((event, { id, timestamp, headers, body }) => {
    seen.push(event, id, timestamp, headers.get("x-a"), new TextDecoder().decode(body));
  });
  await receive(await signed({ timestamp, headers: { ...JSON_TYPE, "x-a": "1" } }));
  assert.deepEqual(seen, [EVENT, "msg_1", timestamp, "1", BODY]);
});

const memories: readonly (readonly [kind: string, store: () => Store | undefined])[] = [
  ["memory", () => undefined],
  ["a store", memoryStore],
];

for (const [kind, store] of memories) {
  test(`with ${kind}, a message that was handled is acknowledged again without a call`, async () => {
    const { events, receive } = recording({ store: store() });
    for (const expected of ["200", "200 duplicate", "200 duplicate"]) {
      assert.equal(await summaryOf(await receive(await signed())), expected);
    }
    assert.equal(await summaryOf(await receive(await signed({ id: "msg_2" }))), "200");
    assert.equal(events.length, 2);
  });

  test(`with ${kind}, a message gets a 409 while its handler runs`, async () => {
    const { ends, handler } = held();
    const receive = receiver(handler, { store: store() });
    const first = receive(await signed());
    await until(() => ends.length === 1);
    const second = await receive(await signed());
    assert.equal(second.headers.get("retry-after"), "5");
    assert.equal(await summaryOf(second), "409 in_progress");
    ends[0]!.resolve();
    assert.equal(await summaryOf(await first), "200");
    assert.equal(await summaryOf(await receive(await signed())), "200 duplicate");
    assert.equal(ends.length, 1);
  });

  test(`with ${kind}, simultaneous copies of a message are handled once`, async () => {
    const { ends, handler } = held();
    const receive = receiver(handler, { store: store() });
    const requests = await Promise.all(Array.from({ length: 5 }, () => signed()));
    const given: string[] = [];
    const all = requests.map(async (request) =>
      given.push(await summaryOf(await receive(request)))
    );
    await until(() => ends.length + given.length === 5);
    ends.forEach(({ resolve }) => resolve());
    await Promise.all(all);
    assert.deepEqual(given.sort(), ["200", ...Array(4).fill("409 in_progress")]);
    assert.equal(ends.length, 1);
  });

  test(`with ${kind}, a message whose handler failed is handled when it is sent again`, async () => {
    const errors: unknown[] = [];
    const logger = { ...silentLogger, error: (...data: unknown[]) => void errors.push(data) };
    const fault = new Error("out of ink");
    const faults = [() => Promise.reject(fault), () => assert.fail(fault), () => {}];
    let calls = 0;
    const receive = receiver(() => faults[calls++]!(), { store: store(), logger });
    for (const expected of ["500 handler_failed", "500 handler_failed", "200", "200 duplicate"]) {
      const response = await receive(await signed());
      assert.ok(!(await response.clone().text()).includes("ink"));
      assert.equal(await summaryOf(response), expected);
    }
    assert.equal(calls, 3);
    assert.deepEqual(errors, Array(2).fill(["Webhook 'msg_1' was not handled", fault]));
  });
}
