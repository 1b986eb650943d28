/**
 * Responses that random requests might miss.
 * @module
 */
import type { Hooks } from "@omniagent/hooks";
import { ask } from "@omniagent/hooks/gates";
import assert from "node:assert/strict";
import { createFuzzApp, type FuzzApp, type FuzzApps, send, type Tally, textOf } from "./apps.ts";
import type { Operation } from "./requests.ts";
import { BASH, inTime, TOKENS } from "../helpers.ts";
import { until } from "../../support/until.ts";

const DAY = 24 * 60 * 60 * 1000;

/** Triggers the responses that every operation has. */
export async function triggerSureResponses(
  operations: readonly Operation[],
  apps: FuzzApps,
  tally: Tally,
): Promise<void> {
  const body = new TextEncoder().encode(JSON.stringify(BASH));
  for (const operation of operations) {
    const call = async (
      kind: keyof FuzzApps,
      token: keyof typeof TOKENS | null,
      headers: Readonly<Record<string, string>> = {},
    ) => {
      const path = operation.path.replace("{target}", "audit").replace("{id}", "an-id");
      const type = path === "/events" ? { "content-type": "application/json" } : {};
      const isPost = operation.method === "POST";
      const request = { method: operation.method, path, headers: { ...type, ...headers } };
      const sent = { ...request, body: isPost && path === "/events" ? body : undefined };
      const label = `${request.method} ${path} of the app of kind '${kind}'`;
      const response = await inTime(label, send(apps[kind].app, sent, token));
      tally.note(operation, response.status);
      await inTime(`the text of ${label}`, textOf(response));
    };
    for (const token of [null, "emit", "read"] as const) await call("streams", token);
    for (const kind of ["no outbox", "no store", "no auth"] as const) await call(kind, "admin");
    await call("streams", "admin", { "x-much": "a".repeat(20_000) });
  }
}

/** Triggers the responses that need something else in progress, or time to pass. */
export async function triggerRareResponses(
  operations: readonly Operation[],
  tally: Tally,
): Promise<void> {
  const find = (method: string, path: string) =>
    operations.find((one) => one.method === method && one.path === path)!;
  let now = Date.now();
  const whole = createFuzzApp(tally, "whole", () => now);
  const bare = createFuzzApp(tally, "no outbox");
  const call: Call = async (operation, values, body, to = whole) => {
    const path = operation.path.replace(/\{(\w+)\}/g, (_, name) => values[name]!);
    const bytes = body === undefined ? undefined : new TextEncoder().encode(JSON.stringify(body));
    const { method } = operation;
    const headers = { ...values, ...(bytes ? { "content-type": "application/json" } : {}) };
    const sent = send(to.app, { method, path, headers, body: bytes });
    const response = await inTime(`${method} ${path} with ${JSON.stringify(values)}`, sent);
    tally.note(operation, response.status);
    return response;
  };
  const post = find("POST", "/events");
  const hurried = createFuzzApp(tally, "whole", undefined, { bodyTimeout: 1 });
  try {
    for (const operation of operations) await stall(operation, hurried, tally);
    assert.equal((await call(post, { "idempotency-key": "0" }, BASH, bare)).status, 501);
    await fillStreams(call, find("GET", "/events/stream"));
    await fillWaits(call, post, whole.hooks);
    const retry = find("POST", "/deliveries/{target}/{id}/retry");
    await holdDelivery(call, post, retry, whole, () => now += 30 * DAY + 1);
    await fillReplays(call, find, whole);
    await endAsks(call, find("POST", "/asks/{id}"), find("GET", "/asks/{id}"), whole.hooks);
    await whole.outbox!.remove("audit");
    for (const action of ["enable", "disable"]) {
      const change = find("POST", `/targets/{target}/${action}`);
      assert.equal((await call(change, { target: "audit" })).status, 409);
    }
  } finally {
    whole.go();
    await whole.hooks.close();
    await bare.hooks.close();
    await hurried.hooks.close();
  }
}

type Call = (
  operation: Operation,
  values: Record<string, string>,
  body?: unknown,
  to?: FuzzApp,
) => Promise<Response>;

/** A body begins, and does not end. */
async function stall(operation: Operation, { app }: FuzzApp, tally: Tally): Promise<void> {
  if (!operation.statuses.includes("408")) return;
  const path = operation.path.replace("{target}", "audit").replace("{id}", "an-id");
  const init = {
    method: operation.method,
    headers: { authorization: `Bearer ${TOKENS.admin}`, "content-type": "application/json" },
    body: new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(1)) }),
    duplex: "half",
  };
  const response = await app.request(new Request(`http://hooks.test${path}`, init as RequestInit));
  tally.note(operation, response.status);
}

/** A replay is started, read and canceled; then too many run. */
async function fillReplays(
  call: Call,
  find: (method: string, path: string) => Operation,
  { outbox }: FuzzApp,
): Promise<void> {
  const start = find("POST", "/replays");
  const { id } = await (await call(start, {})).json() as { readonly id: string };
  assert.equal((await call(find("GET", "/replays/{id}"), { id })).status, 200);
  assert.equal((await call(find("POST", "/replays/{id}/cancel"), { id })).status, 200);
  const records = outbox!.records!;
  const ids = Array.from({ length: 20 }, (_, n) => `full-${n}`);
  const putAll = (value: { readonly v: number } | null) =>
    Promise.all(ids.map((id) => records.put({ key: ["replaying", id], value })));
  await putAll({ v: 1 });
  assert.equal((await call(start, {})).status, 429);
  await putAll(null);
}

/** A stream is open, and no other is allowed. */
async function fillStreams(call: Call, stream: Operation): Promise<void> {
  const open = await call(stream, {});
  assert.equal((await call(stream, {})).status, 429);
  await inTime("the end of a stream", open.body!.cancel());
}

/** A handler does not end: its key is in use, and no further request may wait. */
async function fillWaits(call: Call, post: Operation, hooks: Hooks): Promise<void> {
  let release!: () => void;
  const held = new Promise<void>((resolve) => release = resolve);
  let received = 0;
  hooks.on("message.sent", () => {
    received++;
    return held;
  });
  // Until its handler runs, a request may be overtaken by a later one, which then takes the key.
  const allReceived = (count: number) =>
    until(() => received === count, () => `${count} held handlers: there are ${received}`);
  const slow = { type: "message.sent", data: { role: "user", content: "1" } };
  const waiting: Promise<Response>[] = [];
  const hold = (values: Record<string, string>): void => {
    const response = call(post, values, slow);
    response.catch(() => {}); // checked below, unless something else fails first
    waiting.push(response);
  };
  for (let n = 0; n < 49; n++) hold({ "idempotency-key": `${n}` });
  try {
    await allReceived(49);
    assert.equal((await call(post, { "idempotency-key": "0" }, slow)).status, 409);
    hold({});
    await allReceived(50);
    assert.equal((await call(post, {}, BASH)).status, 429);
  } finally {
    release();
  }
  for (const { status } of await Promise.all(waiting)) assert.equal(status, 202);
}

/** Asks that have a response, that expired, and that don't offer what is chosen. */
async function endAsks(
  call: Call,
  resolve: Operation,
  get: Operation,
  hooks: Hooks,
): Promise<void> {
  let expiresIn = 60_000;
  const gate = hooks.gate("job.executed", { name: "ask", handle: () => ask("?", { expiresIn }) });
  const job = { job_id: "1", job_name: "a", success: true };
  const askOnce = async (): Promise<{ readonly id: string }> => {
    const decision = await hooks.decide("job.executed", job);
    return decision.decision === "ask" ? { id: decision.askId } : assert.fail("nothing was asked");
  };
  const open = await askOnce();
  assert.equal((await call(get, open)).status, 200);
  assert.equal((await call(resolve, open, { decision: "edit", data: job })).status, 422);
  assert.equal((await call(resolve, open, { decision: "allow" })).status, 200);
  assert.equal((await call(resolve, open, { decision: "deny" })).status, 409);
  expiresIn = Number.MIN_VALUE;
  assert.equal((await call(resolve, await askOnce(), { decision: "allow" })).status, 410);
  gate.unregister();
}

/** A delivery is under way; later its event is no longer kept, while its log is. */
async function holdDelivery(
  call: Call,
  post: Operation,
  retry: Operation,
  { outbox, go, held }: FuzzApp,
  passTime: () => void,
): Promise<void> {
  const response = await call(post, {}, {
    type: "tool.called",
    data: { name: "bash", hold: true },
  });
  const { receipts: [receipt] } = await response.json() as { receipts: { id: string }[] };
  const values = { target: "audit", id: receipt!.id };
  await until(() => held() === 1, () => "a held delivery");
  assert.equal((await call(retry, values)).status, 409);
  go();
  const state = async () => (await outbox!.get("audit", values.id))?.state;
  await until(async () => await state() === "delivered", () => "the end of a held delivery");
  passTime();
  assert.equal((await call(retry, values)).status, 410);
}
