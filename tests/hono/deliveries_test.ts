import { createHooks, fixedRetry, type Hook, WebhookHook } from "@omniagent/hooks";
import { createHooksApp } from "@omniagent/hooks/hono";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { until } from "../support/until.ts";
import { BASH, problemOf, receiptsOf, type Setup, testApp } from "./helpers.ts";

type Page = {
  readonly events?: readonly { readonly id: string; readonly session_id?: string }[];
  readonly deliveries?: readonly Readonly<Record<string, unknown>>[];
  readonly next_cursor?: string;
};

/** All pages of a list, by its links. */
async function pagesOf({ send, base }: Setup, path: string): Promise<readonly Page[]> {
  const pages: Page[] = [];
  for (let next: string | undefined = path; next !== undefined;) {
    const response = await send(next);
    assert.equal(response.status, 200, await response.clone().text());
    const page = await response.json() as Page;
    pages.push(page);
    const link = /^<(.*)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1];
    assert.equal(link !== undefined, page.next_cursor !== undefined);
    const url: URL = new URL(link ?? "", `http://hooks.test${base}${next}`);
    next = link && url.pathname.slice(base.length) + url.search;
  }
  return pages;
}

testApp("GET /events lists accepted events, page by page along its links", {}, async (setup) => {
  const { send } = setup;
  const ids: string[] = [];
  for (const session_id of ["s-1", "s-2", "s-1", "s-2", "s-1"]) {
    const [receipt] = await receiptsOf(await send("/events", { body: { ...BASH, session_id } }));
    ids.push(receipt!.id);
  }
  await receiptsOf(await send("/events", { body: { type: "run.over", data: null } }));
  const pages = await pagesOf(setup, "/events?type=tool.*&limit=2");
  assert.deepEqual(pages.flatMap(({ events }) => events!.map(({ id }) => id)), [...ids].reverse());
  assert.ok(pages.length >= 3);
  const session = await pagesOf(setup, "/events?session=s-2&order=oldest&limit=1");
  assert.deepEqual(session.flatMap(({ events }) => events!.map(({ id }) => id)), [ids[1], ids[3]]);
  const none = await pagesOf(setup, "/events?until=2020-01-01T00:00:00Z");
  assert.deepEqual(none, [{ events: [] }]);
  const one = await (await send(`/events/${ids[0]}`)).json();
  assert.deepEqual({ ...one, timestamp: "", accepted_at: "" }, {
    id: ids[0],
    type: "tool.called",
    timestamp: "",
    session_id: "s-1",
    data: { name: "bash" },
    accepted_at: "",
    targets: [],
  });
});

testApp("an invalid query is rejected with every issue", {}, async ({ send }) => {
  const invalid = {
    "/events?limit=0&order=up&type=A&since=now": ["?type", "?since", "?order", "?limit"],
    "/events?limit=1&limit=2": ["?limit"],
    "/events?sesion=s-1": ["?"],
    "/events?cursor=abc": ["?cursor"],
    "/events?cursor=%00": ["?cursor"],
    "/events/a%20b": [":id"],
    "/deliveries?state=lost&target=a%2fb": ["?state", "?target"],
    "/deliveries/a%20b/c": [":target"],
    "/events/stream?type=": ["?type"],
  };
  for (const [path, pointers] of Object.entries(invalid)) {
    assert.deepEqual((await problemOf(await send(path))).pointers, pointers, path);
  }
});

test("a closed store is not reported as an invalid cursor", async () => {
  const store = memoryStore();
  const hooks = createHooks({
    outbox: createOutbox(store, { logger: silentLogger }),
    logger: silentLogger,
  });
  const app = createHooksApp(hooks, { auth: false, logger: silentLogger });
  for (let n = 0; n < 2; n++) await hooks.emit("tool.called", { name: "bash" });
  const { next_cursor: cursor } = await (await app.request("/events?limit=1")).json();
  store.close();
  const response = await app.request(`/events?limit=1&cursor=${cursor}`);
  assert.deepEqual(await problemOf(response), { status: 503, code: "outbox_unavailable" });
  await hooks.close().catch(() => {}); // it says that the store is closed
});

/** A hook that fails while it is broken. */
function fragile() {
  const state = { broken: true, calls: 0 };
  const hook: Hook = {
    name: "audit",
    events: ["tool.*"],
    durable: true,
    retry: fixedRetry({ delay: 1, retries: 0 }),
    handle: () => {
      state.calls++;
      if (state.broken) throw new Error("no connection");
    },
  };
  return { state, hook };
}

async function settled({ outbox }: Setup, id: string, state: string): Promise<void> {
  const holds = async () => (await outbox!.get("audit", id))?.state === state;
  await until(holds, () => `a delivery that is ${state}`);
}

testApp("dead letters can be listed, read, retried and replayed", {}, async (setup) => {
  const { hooks, send } = setup;
  const { state, hook } = fragile();
  hooks.use(hook);
  const receipts = await receiptsOf(
    await send("/events", { body: { events: [BASH, BASH, BASH] } }),
  );
  assert.ok(receipts.every(({ deliveries }) => deliveries === 1));
  const ids = receipts.map(({ id }) => id);
  for (const id of ids) await settled(setup, id, "dead");

  const pages = await pagesOf(setup, "/deliveries?state=dead&target=audit&limit=2");
  const dead = pages.flatMap(({ deliveries }) => deliveries!);
  assert.deepEqual(dead.map((one) => one.event_id).sort(), ids);
  assert.match(String(dead[0]!.reason), /no connection/);
  const one = await (await send(`/deliveries/audit/${ids[0]}`)).json();
  assert.deepEqual([one.state, one.made, one.attempts.length], ["dead", 1, 1]);
  assert.match(one.attempts[0].at, /Z$/);

  state.broken = false;
  const retried = await send(`/deliveries/audit/${ids[0]}/retry`, { method: "POST" });
  assert.deepEqual([retried.status, await retried.json()], [202, { outcome: "replayed" }]);
  await settled(setup, ids[0]!, "delivered");
  let body: unknown = { target: "audit", budget_ms: 5000 };
  let replayed = 0;
  for (;;) {
    const response = await send("/deliveries/replay", { body });
    const result = await response.json() as { replayed: number; next_cursor?: string };
    replayed += result.replayed;
    if (result.next_cursor === undefined) break;
    body = { target: "audit", budget_ms: 5000, cursor: result.next_cursor };
  }
  assert.equal(replayed, 2);
  for (const id of ids) await settled(setup, id, "delivered");
  assert.deepEqual(await pagesOf(setup, "/deliveries?state=dead"), [{ deliveries: [] }]);
  const attempted = await pagesOf(setup, "/deliveries");
  assert.equal(attempted.flatMap(({ deliveries }) => deliveries!).length, 3);
  assert.equal(state.calls, 6);
});

testApp("unknown events and deliveries are 404", {}, async ({ send }) => {
  assert.equal((await problemOf(await send("/events/nothing"))).code, "event_not_found");
  assert.equal(
    (await problemOf(await send("/deliveries/audit/nothing"))).code,
    "delivery_not_found",
  );
  const retry = await send("/deliveries/audit/nothing/retry", { method: "POST" });
  assert.equal((await problemOf(retry)).code, "delivery_not_found");
});

testApp("a retried delivery that waits for another of its session is queued", {}, async (setup) => {
  const { hooks, send } = setup;
  hooks.use(
    new WebhookHook({
      name: "audit",
      events: ["tool.*"],
      url: "https://hooks.example",
      ordering: "session",
      retry: fixedRetry({ delay: 3_600_000, retries: 1 }),
      fetch: () => Promise.resolve(new Response(null, { status: 500 })),
    }),
  );
  const event = { ...BASH, session_id: "s-1" };
  const ids = (await receiptsOf(await send("/events", { body: { events: [event, event] } })))
    .map(({ id }) => id);
  while ((await setup.outbox!.get("audit", ids[0]!))?.made !== 1) {
    await new Promise((resolve) => setTimeout(resolve));
  }
  for (const [id, outcome] of [[ids[1], "queued"], [ids[0], "moved"]]) {
    const response = await send(`/deliveries/audit/${id}/retry`, { method: "POST" });
    assert.deepEqual([response.status, await response.json()], [202, { outcome }]);
  }
  const { paths } = await (await send("/openapi.json")).json();
  const { content } = paths["/deliveries/{target}/{id}/retry"].post.responses["202"];
  const { enum: outcomes } = content["application/json"].schema.properties.outcome;
  assert.deepEqual(outcomes, ["moved", "queued", "replayed"]);
});

test("POST /outbox/drain leaves time for hooks with their default timeout", async () => {
  const store = memoryStore();
  const process = (handle: () => void) => {
    const outbox = createOutbox(store, { logger: silentLogger });
    const hook: Hook = { name: "audit", events: ["tool.*"], durable: true, handle };
    return { outbox, hooks: createHooks({ logger: silentLogger, outbox, use: [hook] }) };
  };
  const before = process(() => assert.fail("it is off"));
  await before.hooks.init();
  await before.outbox.disable("audit");
  await before.hooks.emit("tool.called", { name: "bash" });
  await before.hooks.close();
  let calls = 0;
  const { hooks, outbox } = process(() => void calls++);
  const app = createHooksApp(hooks, { auth: false, logger: silentLogger });
  await outbox.enable("audit");
  const drained = await app.request("/outbox/drain", { method: "POST" });
  assert.deepEqual(await drained.json(), { settled: 1, remaining: false });
  assert.equal(calls, 1);
  const { paths } = await (await app.request("/openapi.json")).json();
  const { content } = paths["/outbox/drain"].post.requestBody;
  const { budget_ms } = content["application/json"].schema.properties;
  assert.deepEqual([budget_ms.minimum, budget_ms.maximum, budget_ms.default], [1, 300_000, 50_000]);
  await hooks.close();
});

testApp("POST /outbox/drain delivers what is due", {}, async (setup) => {
  const drained = await setup.send("/outbox/drain", { method: "POST" });
  assert.deepEqual(await drained.json(), { settled: 0, remaining: false });
  const bad = [{ budget_ms: 0 }, { budget: 5 }, [], "5"];
  for (const body of bad) {
    assert.equal((await setup.send("/outbox/drain", { body: JSON.stringify(body) })).status, 422);
  }
  const cursor = await setup.send("/deliveries/replay", { body: { cursor: "abc" } });
  assert.deepEqual((await problemOf(cursor)).pointers, ["/cursor"]);
});
