import assert from "node:assert/strict";
import { createHooks, type Hooks } from "@omniagent/hooks";
import { ask, deny } from "@omniagent/hooks/gates";
import { createHooksApp, type HooksApp } from "@omniagent/hooks/hono";
import { createOutbox, type Outbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { inTime, problemOf, TOKENS } from "./helpers.ts";

/** One reader's view of a stream. */
class Reader {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(response: Response) {
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    this.#reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The next block; undefined: the stream has ended. */
  async next(): Promise<string | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const block = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return block;
      }
      const { done, value } = await inTime("the next block of a stream", this.#reader.read());
      if (done) return undefined;
      this.#text += value;
    }
  }

  /** The data of the next event. */
  async data(): Promise<unknown> {
    for (;;) {
      const block = await this.next();
      if (block === undefined) return undefined;
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (data !== undefined) return JSON.parse(data).data;
    }
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }
}

type Setup = {
  readonly hooks: Hooks;
  readonly outbox: Outbox;
  readonly app: HooksApp;
  open(query?: string, lastId?: string): Promise<Reader>;
};

async function withStream(
  body: (setup: Setup) => Promise<void>,
  options: Partial<Parameters<typeof createHooksApp>[1]> = {},
): Promise<void> {
  const outbox = createOutbox(memoryStore(), { logger: silentLogger });
  const hooks = createHooks({ logger: silentLogger, outbox });
  const app = createHooksApp(
    hooks,
    {
      ...("tokens" in options || "verifyToken" in options ? {} : { auth: false }),
      logger: silentLogger,
      pollInterval: 5,
      ...options,
    } as never,
  );
  const open = async (query = "", lastId?: string) => {
    const headers: Record<string, string> = lastId === undefined ? {} : { "last-event-id": lastId };
    const reader = new Reader(await app.request(`/events/stream${query}`, { headers }));
    assert.match(await reader.next() ?? "", /^retry: \d+\n: connected(\nid: .+)?$/);
    return reader;
  };
  try {
    await body({ hooks, outbox, app, open });
  } finally {
    await hooks.close();
  }
}

const emit = async (hooks: Hooks, content: string, sessionId?: string): Promise<string> =>
  (await hooks.emit("message.sent", { role: "user", content }, { sessionId })).id;

test("a reader gets new events with their ids, filtered", () =>
  withStream(async ({ hooks, open }) => {
    await emit(hooks, "before");
    const all = await open();
    const session = await open("?session=s-1");
    const type = await open("?type=message.*");
    const other = await open("?type=tool.called");
    const id = await emit(hooks, "one", "s-1");
    await emit(hooks, "two", "s-2");
    await hooks.emit("tool.called", { name: "bash" }, { sessionId: "s-1" });
    const block = await all.next();
    assert.match(block!, new RegExp(`^id: ${id}\ndata: \\{"id":"${id}","type":"message.sent",`));
    assert.deepEqual(await all.data(), { role: "user", content: "two" });
    assert.deepEqual(await session.data(), { role: "user", content: "one" });
    assert.deepEqual(await session.data(), { name: "bash" });
    assert.deepEqual(await type.data(), { role: "user", content: "one" });
    assert.deepEqual(await other.data(), { name: "bash" });
    for (const reader of [all, session, type, other]) await reader.cancel();
  }));

test("the hook of the streams is hidden, and removed with the last reader", () =>
  withStream(async ({ hooks, app, open }) => {
    const reader = await open();
    assert.equal(hooks.registry.list().length, 1);
    assert.deepEqual(await (await app.request("/hooks")).json(), { hooks: [] });
    const headers = { "content-type": "application/json" };
    const init = { method: "POST", headers, body: '{"type":"a","data":1}' };
    const { receipts } = await (await app.request("/events?wait=true", init)).json();
    assert.deepEqual(receipts[0].handlers, []);
    await reader.cancel();
    assert.equal(hooks.registry.list().length, 0);
    const again = await open();
    await emit(hooks, "again");
    assert.deepEqual(await again.data(), { role: "user", content: "again" });
    await again.cancel();
  }));

test("Last-Event-ID resumes after an event, from any instance and over many pages", () =>
  withStream(async ({ hooks, open }) => {
    const ids: string[] = [];
    for (let n = 0; n < 450; n++) ids.push(await emit(hooks, `${n}`));
    const reader = await open("", ids[9]);
    const live = emit(hooks, "live");
    for (let n = 10; n < 450; n++) {
      assert.deepEqual(await reader.data(), { role: "user", content: `${n}` });
    }
    assert.deepEqual(await reader.data(), { role: "user", content: "live" });
    await live;
    await reader.cancel();
  }));

test("a reader gets no event twice after an instance whose clock is ahead", async () => {
  const store = memoryStore();
  const other = createHooks({
    logger: silentLogger,
    outbox: createOutbox(store, { logger: silentLogger }),
  });
  const hooks = createHooks({
    logger: silentLogger,
    outbox: createOutbox(store, { logger: silentLogger }),
  });
  const app = createHooksApp(hooks, { auth: false, logger: silentLogger, pollInterval: 3_600_000 });
  const open = async (headers: Record<string, string> = {}) => {
    const reader = new Reader(await app.request("/events/stream", { headers }));
    await reader.next();
    return reader;
  };
  const first = await open(); // from now on this instance looks, but not before it accepts something
  const id = await emit(other, "of the other instance");
  const second = await open({ "last-event-id": id });
  await emit(hooks, "of this one");
  assert.deepEqual(await first.data(), { role: "user", content: "of the other instance" });
  assert.deepEqual(await first.data(), { role: "user", content: "of this one" });
  assert.deepEqual(await second.data(), { role: "user", content: "of this one" });
  await first.cancel();
  await second.cancel();
  await hooks.close();
  await other.close();
});

test("a reader that resumes after a deleted event gets everything since its time", () =>
  withStream(async ({ hooks, open }) => {
    await emit(hooks, "one");
    const reader = await open("", "01000000-0000-7000-8000-000000000000");
    assert.deepEqual(await reader.data(), { role: "user", content: "one" });
    await reader.cancel();
  }));

test("an unknown Last-Event-ID is rejected", () =>
  withStream(async ({ app }) => {
    for (
      const id of [
        "nothing",
        "a".repeat(5000),
        "01000000-0000-7",
        "01000000-0000-7000-8000-000000000000x",
      ]
    ) {
      const response = await app.request("/events/stream", { headers: { "last-event-id": id } });
      assert.deepEqual((await problemOf(response)).pointers, ["Last-Event-ID"]);
    }
  }));

test("a reader that doesn't keep up gets an overflow event, and is disconnected", () =>
  withStream(async ({ hooks, open }) => {
    const reader = await open();
    const other = await open();
    const content = "x".repeat(1000);
    const blocks: string[] = [];
    for (let n = 0; n < 12; n++) {
      await emit(hooks, content);
      await other.data();
    }
    for (let block = await reader.next(); block !== undefined; block = await reader.next()) {
      blocks.push(block);
    }
    assert.equal(blocks.at(-1), 'event: overflow\ndata: {"code":"overflow"}');
    assert.ok(blocks.length > 2 && blocks.length < 12, `${blocks.length}`);
    const lastId = /^id: (.*)$/m.exec(blocks.at(-2)!)![1]!;
    const resumed = await open("", lastId);
    for (let n = blocks.length - 1; n < 12; n++) assert.notEqual(await resumed.data(), undefined);
    await emit(hooks, "last");
    assert.deepEqual(await resumed.data(), { role: "user", content: "last" });
    await resumed.cancel();
    await other.cancel();
  }, { limits: { streamBuffer: 4096 } }));

test("streams end when the hooks close, and none starts after that", () =>
  withStream(async ({ hooks, app, open }) => {
    const reader = await open();
    await hooks.close();
    assert.equal(await reader.next(), undefined);
    const response = await app.request("/events/stream");
    assert.deepEqual(await problemOf(response), { status: 503, code: "hooks_closed" });
  }));

test("a stream has heartbeats, and ends when its token expires", () => {
  const expiresAt = new Date(Date.now() + 60);
  const tokens = [{ name: "a", token: TOKENS.read, scopes: ["read" as const], expiresAt }];
  return withStream(async ({ app }) => {
    const headers = { authorization: `Bearer ${TOKENS.read}` };
    const response = await app.request("/events/stream", { headers });
    assert.equal(response.headers.get("hooks-heartbeat"), "5"); // clients know what silence means
    const reader = new Reader(response);
    await reader.next();
    assert.equal(await reader.next(), ": heartbeat");
    while (await reader.next() !== undefined);
    assert.ok(Date.now() >= expiresAt.getTime());
  }, { tokens, heartbeat: 5 } as never);
});

test("a stream sends neither live nor missed events once its token has expired", () => {
  const expiresAt = new Date(Date.now() + 60_000);
  const verifyToken = () => ({ name: "a", scopes: ["read"], expiresAt });
  return withStream(async ({ hooks, app }) => {
    const open = async (headers: Readonly<Record<string, string>>) => {
      const init = { headers: { authorization: "Bearer a", ...headers } };
      const reader = new Reader(await app.request("/events/stream", init));
      await reader.next();
      return reader;
    };
    const first = await emit(hooks, "first");
    for (let n = 0; n < 20; n++) await emit(hooks, "past ".repeat(100));
    const live = await open({});
    const behind = await open({ "last-event-id": first });
    expiresAt.setTime(0);
    await emit(hooks, "now");
    assert.equal(await live.next(), undefined);
    let past = 0;
    while (await behind.next() !== undefined) past++;
    assert.ok(past < 20, `${past} events of the past`);
  }, { verifyToken, limits: { streamBuffer: 1000 } } as never);
});

test("a Last-Event-ID of a future time gets new events", () =>
  withStream(async ({ hooks, open }) => {
    const reader = await open("", "ffffffff-ffff-7fff-8000-000000000000");
    await emit(hooks, "now");
    assert.deepEqual(await reader.data(), { role: "user", content: "now" });
    await reader.cancel();
  }));

test("the number of streams is bounded, and a reader that leaves frees one", () =>
  withStream(async ({ app, open }) => {
    const reader = await open();
    const rejected = await app.request("/events/stream");
    assert.equal(rejected.headers.get("retry-after"), "1");
    assert.deepEqual(await problemOf(rejected), { status: 429, code: "too_many_streams" });
    await reader.cancel();
    await (await open()).cancel();
  }, { limits: { streams: 1 } }));

test("no event shows over HTTP what gates keep internal, and what was judged is shown as it is", () =>
  withStream(async ({ hooks, outbox, app, open }) => {
    const reader = await open("?type=gate.*");
    const late: (() => void)[] = [];
    hooks.gate("tool.called", {
      name: "late",
      timeout: 1,
      onFailure: "allow",
      handle: () =>
        new Promise((resolve) => late.push(() => resolve(deny("No", { internal: "rule 7" })))),
    });
    hooks.gate("tool.called", {
      name: "policy",
      filter: ({ data }) => data.name === "bash",
      handle: () => deny("No", { internal: "rule 7" }),
    });
    hooks.gate("tool.called", {
      name: "person",
      filter: ({ data }) => data.name === "pay",
      handle: () => ask("Pay?"),
    });
    await hooks.decide("tool.called", { name: "bash" });
    await hooks.decide("tool.called", { name: "pay", params: { internal: "yes" } });
    for (const end of late) end();
    const types = new Set<string>();
    const shown: string[] = [];
    while (types.size < 3) {
      const block = await reader.next() ?? assert.fail("the stream ended");
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (data !== undefined) types.add(JSON.parse(data).type);
      shown.push(block);
    }
    assert.deepEqual([...types].sort(), ["gate.asked", "gate.decided", "gate.late"]);
    const { items } = await outbox.listEvents({ type: "gate.*" });
    assert.match(JSON.stringify(items), /rule 7/, "the store has it");
    const paths = items.flatMap(({ event: { id } }) => [`/events/${id}`, `/console/events/${id}`]);
    for (const path of ["/events", "/decisions", "/console/events", ...paths]) {
      const response = await app.request(path);
      assert.equal(response.status, 200, path);
      shown.push(await response.text());
    }
    assert.doesNotMatch(shown.join("\n"), /rule 7/);
    assert.match(shown.join("\n"), /"params":\{"internal":"yes"\}/);
    await reader.cancel();
  }, { console: true }));
