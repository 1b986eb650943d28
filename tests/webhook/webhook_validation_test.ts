/**
 * CloudEvents senders that ask before they deliver ("HTTP 1.1 Web Hooks", section 4), at the receiver.
 * @module
 */
import assert from "node:assert/strict";
import type { WebhookReceiverOptions } from "@omniagent/hooks/webhook";
import { test } from "../support/harness.ts";
import { receiver } from "./receiver_checks.ts";

const ORIGIN = "eventgrid.azure.net";

/** What a receiver says to an OPTIONS request. */
async function optionsOf(
  options: Partial<WebhookReceiverOptions>,
  headers: Readonly<Record<string, string>> = { "WebHook-Request-Origin": ORIGIN },
) {
  const receive = receiver(() => assert.fail("an OPTIONS request is no message"), options);
  const response = await receive(new Request("http://h.example/", { method: "OPTIONS", headers }));
  const granted = ["webhook-allowed-origin", "webhook-allowed-rate", "allow"]
    .map((name) => response.headers.get(name));
  return { status: response.status, granted, text: await response.text() };
}

test("a listed sender may deliver without a limit, in any case of letters", async () => {
  const webhookOrigins = ["other.example", "EventGrid.Azure.net"];
  for (const origin of [ORIGIN, "EVENTGRID.azure.net"]) {
    const { status, granted, text } = await optionsOf({ webhookOrigins }, {
      "webhook-request-origin": origin,
      "webhook-request-rate": "120",
    });
    assert.deepEqual([status, granted, text], [200, [origin, "*", "POST"], ""]);
  }
});

test("every sender may deliver at the configured rate if all are allowed", async () => {
  for (const webhookOrigins of ["*", ["*"]] as const) {
    const { status, granted } = await optionsOf({ webhookOrigins, webhookRate: 600 });
    assert.deepEqual([status, granted], [200, ["*", "600", "POST"]]);
  }
});

test("a sender that is not allowed gets a 405 that names the option to allow it", async () => {
  for (const webhookOrigins of [undefined, ["other.example"]]) {
    const { status, granted, text } = await optionsOf({ webhookOrigins });
    assert.deepEqual([status, granted], [405, [null, null, "POST, PUT"]]);
    assert.match(JSON.parse(text).detail, /'webhookOrigins'/);
  }
});

test("a CORS preflight, or an OPTIONS request without an origin, is not a validation request", async () => {
  const preflight = {
    ...{ "origin": "https://app.example", "access-control-request-method": "POST" },
    "webhook-request-origin": ORIGIN,
  };
  for (const headers of [preflight, {}]) {
    const { status, granted, text } = await optionsOf({ webhookOrigins: "*" }, headers);
    assert.deepEqual([status, granted], [405, [null, null, "POST, PUT"]]);
    assert.equal(JSON.parse(text).detail, "Send a POST or a PUT");
  }
});

test("the callback of a sender is not called", async () => {
  const called: unknown[] = [];
  const { fetch } = globalThis;
  globalThis.fetch = ((...args: unknown[]) => {
    called.push(args);
    return Promise.resolve(new Response());
  }) as typeof globalThis.fetch;
  try {
    for (const webhookOrigins of [undefined, "*", ["other.example"]] as const) {
      await optionsOf({ webhookOrigins }, {
        "webhook-request-origin": ORIGIN,
        "webhook-request-callback": "http://169.254.169.254/latest/meta-data",
      });
    }
  } finally {
    globalThis.fetch = fetch;
  }
  assert.deepEqual(called, []);
});

test("a receiver rejects invalid origins and rates", () => {
  const create = (options: object) => receiver(() => {}, options);
  for (const webhookOrigins of [[], "a.example", [""], ["a,b"], ["a b"], [5], null, {}]) {
    assert.throws(() => create({ webhookOrigins }), {
      name: "TypeError",
      message: /^Cannot create a webhook receiver: 'webhookOrigins' must be "\*" or a list/,
    });
  }
  for (const webhookRate of [0, -1, 1.5, NaN, Infinity]) {
    assert.throws(() => create({ webhookOrigins: "*", webhookRate }), RangeError);
  }
});
