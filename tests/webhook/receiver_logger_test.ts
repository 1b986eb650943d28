import { generateSecret, signWebhook, webhookReceiver } from "@omniagent/hooks/webhook";
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";

test("webhookReceiver() accepts a failed message again even if its logger throws or rejects", async () => {
  const secret = generateSecret();
  const fails = [() => {
    throw new Error("no disk");
  }, () => Promise.reject(new Error("no disk"))];
  for (const error of fails) {
    const logger = { debug() {}, info() {}, warn() {}, error };
    let calls = 0;
    const receive = webhookReceiver(() => {
      if (++calls === 1) throw new Error("first");
    }, { secrets: secret, logger });
    const body = JSON.stringify({ type: "order.paid", data: {} });
    const headers = { ...await signWebhook(body, { id: "m-1", secrets: secret }) };
    const request = () => new Request("http://localhost/", { method: "POST", body, headers });
    const responses = [
      await receive(request()),
      await receive(request()),
      await receive(request()),
    ];
    assert.deepEqual(responses.map(({ status }) => status), [500, 200, 200]);
    assert.equal(calls, 2);
  }
});
