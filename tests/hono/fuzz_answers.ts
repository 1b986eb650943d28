/**
 * Answers that chance could pass over.
 * @module
 */
import type { Hooks } from "@omniagent/hooks";
import assert from "node:assert/strict";
import { type FuzzApp, type FuzzApps, makeApp, send, type Tally, textOf } from "./fuzz_apps.ts";
import type { Operation } from "./fuzz_requests.ts";
import { BASH, inTime, TOKENS, until } from "./helpers.ts";

const DAY = 24 * 60 * 60 * 1000;

/** The answers that every operation has: chance could pass one over. */
export async function makeSureAnswers(
  operations: readonly Operation[],
  apps: FuzzApps,
  tally: Tally,
): Promise<void> {
  const body = new TextEncoder().encode(JSON.stringify(BASH));
  for (const operation of operations) {
    const ask = async (
      kind: keyof FuzzApps,
      token: keyof typeof TOKENS | null,
      headers: Readonly<Record<string, string>> = {},
    ) => {
      const path = operation.path.replace("{target}", "audit").replace("{id}", "an-id");
      const type = path === "/events" ? { "content-type": "application/json" } : {};
      const isPost = operation.method === "POST";
      const request = { method: operation.method, path, headers: { ...type, ...headers } };
      const sent = { ...request, body: isPost && path === "/events" ? body : undefined };
      const asked = `${request.method} ${path} of the app of kind '${kind}'`;
      const response = await inTime(asked, send(apps[kind].app, sent, token));
      tally.note(operation, response.status);
      await inTime(`the text of ${asked}`, textOf(response));
    };
    for (const token of [null, "emit", "read"] as const) await ask("streams", token);
    for (const kind of ["no outbox", "no store", "no auth"] as const) await ask(kind, "admin");
    await ask("streams", "admin", { "x-much": "a".repeat(20_000) });
  }
}

/** The answers that need something else to be under way, or time to pass. */
export async function makeRareAnswers(
  operations: readonly Operation[],
  tally: Tally,
): Promise<void> {
  const find = (method: string, path: string) =>
    operations.find((one) => one.method === method && one.path === path)!;
  let now = Date.now();
  const whole = makeApp(tally, "whole", () => now);
  const bare = makeApp(tally, "no outbox");
  const ask: Ask = async (operation, values, body, to = whole) => {
    const path = operation.path.replace(/\{(\w+)\}/g, (_, name) => values[name]!);
    const bytes = body === undefined ? undefined : new TextEncoder().encode(JSON.stringify(body));
    const { method } = operation;
    const headers = { ...values, ...(bytes ? { "content-type": "application/json" } : {}) };
    const answer = send(to.app, { method, path, headers, body: bytes });
    const response = await inTime(`${method} ${path} with ${JSON.stringify(values)}`, answer);
    tally.note(operation, response.status);
    return response;
  };
  const post = find("POST", "/events");
  const hurried = makeApp(tally, "whole", undefined, { bodyTimeout: 1 });
  try {
    for (const operation of operations) await stall(operation, hurried, tally);
    assert.equal((await ask(post, { "idempotency-key": "0" }, BASH, bare)).status, 501);
    await fillStreams(ask, find("GET", "/events/stream"));
    await fillWaits(ask, post, whole.hooks);
    const retry = find("POST", "/deliveries/{target}/{id}/retry");
    await holdDelivery(ask, post, retry, whole, () => now += 30 * DAY + 1);
    await whole.outbox!.remove("audit");
    for (const action of ["enable", "disable"]) {
      const change = find("POST", `/targets/{target}/${action}`);
      assert.equal((await ask(change, { target: "audit" })).status, 409);
    }
  } finally {
    whole.go();
    await whole.hooks.close();
    await bare.hooks.close();
    await hurried.hooks.close();
  }
}

type Ask = (
  operation: Operation,
  values: Record<string, string>,
  body?: unknown,
  to?: FuzzApp,
) => Promise<Response>;

/** A body begins, and does not end. */
async function stall(operation: Operation, { app }: FuzzApp, tally: Tally): Promise<void> {
  if (!operation.statuses.includes("408")) return;
  const path = operation.path.replace("{target}", "audit");
  const init = {
    method: operation.method,
    headers: { authorization: `Bearer ${TOKENS.admin}`, "content-type": "application/json" },
    body: new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(1)) }),
    duplex: "half",
  };
  const response = await app.request(new Request(`http://hooks.test${path}`, init as RequestInit));
  tally.note(operation, response.status);
}

/** A stream is open, and the one place is taken. */
async function fillStreams(ask: Ask, stream: Operation): Promise<void> {
  const open = await ask(stream, {});
  assert.equal((await ask(stream, {})).status, 429);
  await inTime("the end of a stream", open.body!.cancel());
}

/** A handler does not end: its key is taken, and in the end there is no room to wait. */
async function fillWaits(ask: Ask, post: Operation, hooks: Hooks): Promise<void> {
  let release!: () => void;
  const held = new Promise<void>((resolve) => release = resolve);
  let heard = 0;
  hooks.on("message.sent", () => {
    heard++;
    return held;
  });
  // Until its handler runs, a request may be overtaken by a later one, which then takes the key.
  const allHeard = (count: number) =>
    until(() => heard === count, () => `${count} held handlers: there are ${heard}`);
  const slow = { type: "message.sent", data: { role: "user", content: "1" } };
  const waiting: Promise<Response>[] = [];
  const hold = (values: Record<string, string>): void => {
    const answer = ask(post, values, slow);
    answer.catch(() => {}); // judged below, unless something else fails first
    waiting.push(answer);
  };
  for (let n = 0; n < 49; n++) hold({ "idempotency-key": `${n}` });
  try {
    await allHeard(49);
    assert.equal((await ask(post, { "idempotency-key": "0" }, slow)).status, 409);
    hold({});
    await allHeard(50);
    assert.equal((await ask(post, {}, BASH)).status, 429);
  } finally {
    release();
  }
  for (const { status } of await Promise.all(waiting)) assert.equal(status, 202);
}

/** A delivery is under way; later its event is no longer kept, while its log is. */
async function holdDelivery(
  ask: Ask,
  post: Operation,
  retry: Operation,
  { outbox, go, held }: FuzzApp,
  passTime: () => void,
): Promise<void> {
  const answer = await ask(post, {}, { type: "tool.called", data: { name: "bash", hold: true } });
  const { receipts: [receipt] } = await answer.json() as { receipts: { id: string }[] };
  const values = { target: "audit", id: receipt!.id };
  await until(() => held() === 1, () => "a held delivery");
  assert.equal((await ask(retry, values)).status, 409);
  go();
  const state = async () => (await outbox!.get("audit", values.id))?.state;
  await until(async () => await state() === "delivered", () => "the end of a held delivery");
  passTime();
  assert.equal((await ask(retry, values)).status, 410);
}
