import { createHooks, type Hooks, withCompiledHook } from "@omniagent/hooks";
import { createHooksApp, type HooksApp, type HooksAppSettings } from "@omniagent/hooks/hono";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import assert from "node:assert/strict";
import { test } from "../harness.ts";
import {
  type FuzzRequest,
  type Known,
  type Operation,
  operationsOf,
  requestFor,
} from "./fuzz_requests.ts";
import { Random } from "./fuzz_values.ts";
import { BASH, known as tokens, quiet, TOKENS } from "./helpers.ts";

const REQUESTS = 20_000;
const PARTS = 20;
const DAY = 24 * 60 * 60 * 1000;
const settings: HooksAppSettings = {
  logger: quiet,
  limits: { body: 65_536, streams: 1, waits: 50 },
};

/** Everything that was answered, and what was wrong with it. */
class Tally {
  readonly seen: Map<string, number> = new Map();
  readonly unexpected: unknown[] = [];
  asked = 0;
  succeeded = 0;

  note(operation: Operation, status: number): void {
    const key = `${operation.method} ${operation.path} ${status}`;
    this.seen.set(key, (this.seen.get(key) ?? 0) + 1);
    this.asked++;
    if (status < 300) this.succeeded++;
  }
}

/** An app of its own, with a hook whose deliveries are made when `go` is called. */
function makeApp(
  tally: Tally,
  kind: "whole" | "no outbox" | "no store" | "no auth",
  now?: () => number,
) {
  const store = memoryStore(now ? { now } : {});
  const outbox = kind === "no outbox" ? undefined : createOutbox(store, { logger: quiet });
  let go!: () => void;
  const gate = new Promise<void>((resolve) => go = resolve);
  const audit = withCompiledHook({
    name: "audit",
    events: ["tool.called"],
    durable: outbox !== undefined,
    handle: async ({ data }) => {
      if ((data as { readonly hold?: boolean }).hold) await gate;
    },
  });
  const hooks = createHooks({ logger: quiet, outbox, use: [audit] });
  if (kind === "no store") store.close();
  const onError = (error: unknown): void => void tally.unexpected.push(error);
  const auth = kind === "no auth"
    ? { verifyToken: () => Promise.reject(new Error("no connection")) }
    : { tokens };
  // What the others report is what they were made for.
  const app = createHooksApp(hooks, {
    ...auth,
    ...settings,
    ...(kind === "whole" ? { onError } : {}),
  });
  return { app, hooks: hooks as Hooks, outbox, go };
}

async function send(
  app: HooksApp,
  { method, path, headers, body }: FuzzRequest,
  token: keyof typeof TOKENS | null = "admin",
): Promise<Response> {
  const authorization = token === null ? {} : { authorization: `Bearer ${TOKENS[token]}` };
  const init = { method, headers: { ...authorization, ...headers }, ...(body ? { body } : {}) };
  return await app.request(`http://hooks.test${path}`, init);
}

/** What an answer says; of a stream, what it begins with. */
async function textOf(response: Response): Promise<string> {
  if (response.headers.get("content-type") !== "text/event-stream") return await response.text();
  const reader = response.body!.getReader();
  const { value } = await reader.read();
  await reader.cancel();
  return new TextDecoder().decode(value);
}

const seed = Math.floor(Math.random() * 2 ** 31);
const random = new Random(seed);
const tally = new Tally();
const { app: reference } = makeApp(tally, "whole");
const operations = operationsOf(await (await reference.request("/openapi.json")).json());
let made = 0;

type Apps = ReturnType<typeof makeApps>;

function makeApps() {
  return {
    whole: makeApp(tally, "whole"),
    streams: makeApp(tally, "whole"), // with few events, as each stream reads the latest
    "no outbox": makeApp(tally, "no outbox"),
    "no store": makeApp(tally, "no store"),
    "no auth": makeApp(tally, "no auth"),
  };
}

async function withApps(body: (apps: Apps) => Promise<void>): Promise<void> {
  const apps = makeApps();
  try {
    await body(apps);
  } finally {
    for (const { hooks, go } of Object.values(apps)) {
      go();
      await hooks.close().catch(() => {});
    }
  }
}

// In parts, as Bun gives a test 5 s.
for (let part = 1; part <= PARTS; part++) {
  test(`no input makes a 500: ${REQUESTS} requests made of the contract, part ${part} of ${PARTS}`, () =>
    withApps(async (apps) => {
      const known = { id: await someIds(apps.whole.app), target: ["audit", "nobody"] };
      while (tally.asked < REQUESTS * part / PARTS) await askOnce(apps, known);
    }));
}

/** Makes a request, and judges its answer. */
async function askOnce(apps: Apps, known: Known): Promise<void> {
  const n = made++;
  const marker = `zq${n.toString(36)}qz`;
  const operation = random.pick(operations);
  const isStream = operation.path === "/events/stream";
  if (isStream && random.chance(0.8)) return;
  const wrongness = random.chance(0.55) ? "right" : random.chance(0.8) ? "wrong" : "noise";
  const request = requestFor(operation, random, marker, known, wrongness);
  const other = random.chance(0.04) && random.pick(["no outbox", "no store", "no auth"] as const);
  const { app } = apps[other || (isStream ? "streams" : "whole")];
  const others = [null, "unknown", "emit", "read", "expired"] as const;
  const token = random.chance(0.94) ? "admin" : random.pick(others);
  const response = await send(app, request, token);
  const text = await textOf(response);
  tally.note(operation, response.status);
  const stacks = tally.unexpected.map((error) => (error as Error).stack).join("\n");
  const told = `seed ${seed}, request ${n}: ${request.method} ${request.path} -> ` +
    `${response.status} ${text} ${stacks}`;
  assert.ok(response.status < 500 || other, told);
  assert.notEqual(response.status, 500, told);
  assert.ok(!saysBack(text, response.headers, marker), told);
  assert.ok(wrongness === "noise" || isDocumented(operation, response.status, text), told);
}

test("every status of the contract was answered, three in ten requests were taken, no error was unexpected", async () => {
  await withApps((apps) => makeSureAnswers(operations, apps, tally));
  await makeRareAnswers(operations, tally);
  const missing = operations.flatMap(({ method, path, statuses }) =>
    statuses.map((status) => `${method} ${path} ${status}`).filter((key) => !tally.seen.has(key))
  );
  assert.deepEqual(missing, [], `seed ${seed}`);
  assert.deepEqual(tally.unexpected, [], `seed ${seed}`);
  const share = tally.succeeded / tally.asked;
  console.log(
    `${tally.asked} requests, seed ${seed}: ${(share * 100).toFixed(0)}% were taken, ` +
      `${tally.seen.size} kinds of answers, ${tally.unexpected.length} unexpected errors`,
  );
  assert.ok(share >= 0.3, `${share}`);
});

async function someIds(app: HooksApp): Promise<readonly string[]> {
  const body = new TextEncoder().encode(JSON.stringify({ events: Array(20).fill(BASH) }));
  const headers = { "content-type": "application/json" };
  const response = await send(app, { method: "POST", path: "/events", headers, body });
  const { receipts } = await response.json() as { readonly receipts: readonly { id: string }[] };
  return [...receipts.map(({ id }) => id), "0192e4a0-6b2f-7c31-9f10-3a5d6c1e2b47"];
}

/** Whether an answer has something of its request. A link to the next page has its query, rightly. */
function saysBack(text: string, headers: Headers, marker: string): boolean {
  if (text.includes(marker)) return true;
  return [...headers].some(([name, value]) => name !== "link" && value.includes(marker));
}

/** A value that changes a path makes another request of it. */
function isDocumented({ statuses }: Operation, status: number, text: string): boolean {
  return statuses.includes(String(status)) ||
    /"code":"(?:not_found|method_not_allowed)"/.test(text);
}

/** The answers that every operation has: chance could pass one over. */
async function makeSureAnswers(
  operations: readonly Operation[],
  apps: Readonly<Record<string, { readonly app: HooksApp }>>,
  tally: Tally,
): Promise<void> {
  const body = new TextEncoder().encode(JSON.stringify(BASH));
  for (const operation of operations) {
    const ask = async (
      kind: string,
      token: keyof typeof TOKENS | null,
      headers: Readonly<Record<string, string>> = {},
    ) => {
      const path = operation.path.replace("{target}", "audit").replace("{id}", "an-id");
      const type = path === "/events" ? { "content-type": "application/json" } : {};
      const isPost = operation.method === "POST";
      const request = { method: operation.method, path, headers: { ...type, ...headers } };
      const sent = { ...request, body: isPost && path === "/events" ? body : undefined };
      const response = await send(apps[kind]!.app, sent, token);
      tally.note(operation, response.status);
      await textOf(response);
    };
    for (const token of [null, "emit", "read"] as const) await ask("streams", token);
    for (const kind of ["no outbox", "no store", "no auth"]) await ask(kind, "admin");
    await ask("streams", "admin", { "x-much": "a".repeat(20_000) });
  }
}

/** The answers that need something else to be under way, or time to pass. */
async function makeRareAnswers(operations: readonly Operation[], tally: Tally): Promise<void> {
  const find = (method: string, path: string) =>
    operations.find((one) => one.method === method && one.path === path)!;
  let now = Date.now();
  const { app, hooks, outbox, go } = makeApp(tally, "whole", () => now);
  const ask = async (
    operation: Operation,
    values: Record<string, string>,
    body?: unknown,
    to = app,
  ) => {
    const path = operation.path.replace(/\{(\w+)\}/g, (_, name) => values[name]!);
    const bytes = body === undefined ? undefined : new TextEncoder().encode(JSON.stringify(body));
    const { method } = operation;
    const headers = { ...values, ...(bytes ? { "content-type": "application/json" } : {}) };
    const response = await send(to, { method, path, headers, body: bytes });
    tally.note(operation, response.status);
    return response;
  };
  const post = find("POST", "/events");
  const retry = find("POST", "/deliveries/{target}/{id}/retry");

  const bare = makeApp(tally, "no outbox");
  assert.equal((await ask(post, { "idempotency-key": "0" }, BASH, bare.app)).status, 501);
  await bare.hooks.close();

  // A stream is open, and the one place is taken.
  const stream = find("GET", "/events/stream");
  const open = await ask(stream, {});
  assert.equal((await ask(stream, {})).status, 429);
  await open.body!.cancel();

  // A handler does not end: its key is taken, and in the end there is no room to wait.
  let release!: () => void;
  const held = new Promise<void>((resolve) => release = resolve);
  hooks.on("message.sent", () => held);
  const slow = { type: "message.sent", data: 1 };
  const waiting = Array.from(
    { length: 49 },
    (_, n) => ask(post, { "idempotency-key": `${n}` }, slow),
  );
  const inTime = new Promise((resolve) => setTimeout(resolve));
  await inTime;
  assert.equal((await ask(post, { "idempotency-key": "0" }, slow)).status, 409);
  waiting.push(ask(post, {}, slow));
  await inTime;
  assert.equal((await ask(post, {}, BASH)).status, 429);
  release();
  await Promise.all(waiting);

  // A delivery is under way; later its event is no longer kept, while its log is.
  const answer = await ask(post, {}, { type: "tool.called", data: { hold: true } });
  const { receipts: [receipt] } = await answer.json() as { receipts: { id: string }[] };
  const values = { target: "audit", id: receipt!.id };
  assert.equal((await ask(retry, values)).status, 409);
  go();
  const end = performance.now() + 3000;
  while ((await outbox!.get("audit", values.id))?.state !== "delivered") {
    assert.ok(performance.now() < end, "the delivery was not made");
    await new Promise((resolve) => setTimeout(resolve));
  }
  now += 30 * DAY + 1;
  assert.equal((await ask(retry, values)).status, 410);

  await outbox!.remove("audit");
  for (const action of ["enable", "disable"]) {
    const change = find("POST", `/targets/{target}/${action}`);
    assert.equal((await ask(change, values)).status, 409);
  }
  await hooks.close();
}
