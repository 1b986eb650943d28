import assert from "node:assert/strict";
import { Requests } from "../../src/adapters/mcp/requests.ts";
import { test } from "../support/harness.ts";

const LIMIT = 10_000;

test("calls beyond a limit are rejected until one has its response", () => {
  const requests = new Requests();
  const call = (id: number) => ({ id, controller: new AbortController() });
  const first = call(0);
  assert.equal(requests.add(first), undefined);
  for (let id = 1; id < LIMIT; id++) assert.equal(requests.add(call(id)), undefined);
  assert.match(requests.add(call(LIMIT))!, /10000 calls have no response yet/);
  assert.equal(requests.add({ id: "ping" }), undefined);
  requests.remove(first);
  assert.equal(requests.add(call(LIMIT)), undefined);
});

test("the oldest of other requests is dropped beyond a limit, and no call", () => {
  const requests = new Requests();
  requests.add({ id: "call", controller: new AbortController() });
  for (let id = 0; id <= LIMIT; id++) assert.equal(requests.add({ id }), undefined);
  assert.deepEqual([requests.get(0), requests.get(1)?.id], [undefined, 1]);
  assert.ok(requests.get("call"));
  assert.match(requests.add({ id: "0x1" })!, /in use/);
});
