/**
 * CloudEvents senders that send before they post ("HTTP 1.1 Web Hooks", section 4), at `/events`.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks } from "@omniagent/hooks";
import { createHooksApp } from "@omniagent/hooks/hono";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { type SendOptions, testApp } from "./helpers.ts";

const ORIGIN = "eventgrid.azure.net";
const question: SendOptions = {
  method: "OPTIONS",
  token: null,
  headers: { "webhook-request-origin": ORIGIN, "webhook-request-callback": "http://10.0.0.1/" },
};
const granted = ({ headers }: Response) =>
  ["webhook-allowed-origin", "webhook-allowed-rate", "allow"].map((name) => headers.get(name));

for (const cors of [undefined, { origins: "*" }] as const) {
  const about = cors ? "with CORS" : "without CORS";
  testApp(`a listed sender may post, ${about}`, {
    app: { webhookOrigins: [ORIGIN], webhookRate: 120, ...(cors && { cors }) },
  }, async ({ send }) => {
    const response = await send("/events", question);
    assert.equal(response.status, 200);
    assert.deepEqual(granted(response), [ORIGIN, "120", "POST"]);
    const other = { "webhook-request-origin": "other.example" };
    const rejected = await send("/events", { ...question, headers: other });
    assert.equal(rejected.status, 405);
    assert.deepEqual(granted(rejected).slice(0, 2), [null, null]);
    const posted = await send("/events", { token: null, body: { type: "a.b", data: 1 } });
    assert.equal(posted.status, 401); // it is no way in
  });

  testApp(`without webhookOrigins the response names that option, ${about}`, {
    app: { ...(cors && { cors }) },
  }, async ({ send }) => {
    const response = await send("/events", question);
    assert.deepEqual([response.status, ...granted(response).slice(0, 2)], [405, null, null]);
    const { code, detail } = await response.json();
    assert.equal(code, "method_not_allowed");
    assert.match(detail, /'webhookOrigins'/);
  });
}

testApp("a CORS preflight stays a preflight, whatever webhookOrigins is", {
  app: { webhookOrigins: "*", cors: { origins: ["https://app.example"] } },
}, async ({ send }) => {
  const headers = { "origin": "https://app.example", "access-control-request-method": "POST" };
  for (const more of [{}, { "webhook-request-origin": ORIGIN }]) {
    const response = await send("/events", {
      method: "OPTIONS",
      token: null,
      headers: { ...headers, ...more },
    });
    assert.equal(response.status, 204);
    assert.equal(response.headers.get("access-control-allow-origin"), "https://app.example");
    assert.deepEqual(granted(response).slice(0, 2), [null, null]);
  }
});

testApp(
  "other paths don't respond to the handshake",
  { app: { webhookOrigins: "*" } },
  async ({ send }) => {
    for (const path of ["/events/stream", "/deliveries", "/nothing"]) {
      const response = await send(path, question);
      assert.deepEqual(granted(response).slice(0, 2), [null, null], path);
      assert.ok([404, 405].includes(response.status), path);
    }
  },
);

test("createHooksApp() throws for invalid origins and rates", () => {
  const hooks = createHooks({ logger: silentLogger });
  const create = (options: object) => createHooksApp(hooks, { auth: false, ...options });
  assert.throws(() => create({ webhookOrigins: [] }), {
    message: /^Cannot create the hooks app: 'webhookOrigins' must be "\*" or a list/,
  });
  assert.throws(() => create({ webhookOrigins: "*", webhookRate: 0.5 }), RangeError);
});
