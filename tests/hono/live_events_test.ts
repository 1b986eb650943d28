import assert from "node:assert/strict";
import { createHooks, type Hooks } from "@omniagent/hooks";
import { createHooksApp, type HooksApp, type HooksAppSettings } from "@omniagent/hooks/hono";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { until } from "../support/until.ts";
import { inTime, problemOf } from "./helpers.ts";

/** Decides what becomes of a list of the store, once it is read. */
type Gate = () => void | Promise<void>;

type Setup = {
  readonly hooks: Hooks;
  readonly app: HooksApp;
  /** Lists pass it from now on; undefined: none. */
  gate: Gate | undefined;
};

type Options = Pick<HooksAppSettings, "logger" | "pollInterval"> & {
  /** Whether nothing has been accepted yet. */
  readonly isEmpty?: boolean;
};

/** Runs with an app whose hooks are open. */
async function withFeed(
  body: (setup: Setup) => Promise<void>,
  { isEmpty = false, ...options }: Options = {},
): Promise<void> {
  const store = memoryStore();
  const list = store.list.bind(store);
  const gated = async function* (...args: Parameters<typeof list>) {
    const { gate } = setup;
    yield* list(...args);
    await gate?.();
  };
  const outbox = createOutbox(Object.assign(store, { list: gated }), { logger: silentLogger });
  const hooks = createHooks({ logger: silentLogger, outbox });
  const app = createHooksApp(hooks, { auth: false, logger: silentLogger, ...options });
  const setup: Setup = { hooks, app, gate: undefined };
  try {
    if (isEmpty) await hooks.init();
    else await hooks.emit("tool.called", { name: "first" });
    await body(setup);
  } finally {
    setup.gate = undefined;
    await hooks.close();
  }
}

/** A gate that holds lists until it is opened. */
function holdingGate(): { readonly gate: Gate; holds(count: number): Promise<void>; open(): void } {
  const held: (() => void)[] = [];
  return {
    gate: () => new Promise<void>((resolve) => void held.push(resolve)),
    holds: (count) => until(() => held.length >= count, () => `${count} lists: ${held.length}`),
    open: () => held.splice(0).forEach((resolve) => resolve()),
  };
}

/** The names in the events of a stream, up to one. */
async function namesUpTo(stream: Response, last: string): Promise<readonly string[]> {
  const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes(`"name":"${last}"`)) {
    const { done, value } = await inTime(`the event ${last}`, reader.read());
    if (done) break;
    text += value;
  }
  await reader.cancel();
  return [...text.matchAll(/"name":"(\w+)"/g)].map(([, name]) => name!);
}

test("every stream that starts while the hooks close ends, or is rejected", () =>
  withFeed(async (setup) => {
    const { gate, holds, open } = holdingGate();
    setup.gate = gate;
    const requests = [1, 2, 3].map(() => setup.app.request("/events/stream"));
    await holds(1);
    const closed = setup.hooks.close();
    open();
    for (const response of await inTime("the responses", Promise.all(requests))) {
      if (response.status === 200) await inTime("the end of a stream", response.text());
      else assert.deepEqual(await problemOf(response), { status: 503, code: "hooks_closed" });
    }
    await closed;
  }));

test("a reader gets no events of a poll that started before it connected", () =>
  withFeed(async (setup) => {
    const { app, hooks } = setup;
    const first = await app.request("/events/stream");
    const { gate, holds, open } = holdingGate();
    setup.gate = gate;
    await hooks.emit("tool.called", { name: "old" });
    await holds(1);
    open(); // the first reading of the look; the second one ends late
    await holds(1);
    setup.gate = undefined;
    await first.body!.cancel();
    const second = await app.request("/events/stream");
    open();
    await hooks.emit("tool.called", { name: "new" });
    assert.deepEqual(await namesUpTo(second, "new"), ["new"]);
  }, { pollInterval: 60_000 })); // looks are those of events that are accepted here

test("streams continue after the store failed, even if the logger fails too", async () => {
  const warn = () => {
    throw new Error("the disk is full");
  };
  await withFeed(async (setup) => {
    const stream = await setup.app.request("/events/stream");
    let failed = 0;
    setup.gate = () => {
      failed++;
      throw new TypeError("no store"); // which is not tried again
    };
    await setup.hooks.emit("tool.called", { name: "one" });
    await until(() => failed > 1, () => `two failures: ${failed}`);
    setup.gate = undefined;
    assert.deepEqual(await namesUpTo(stream, "one"), ["one"]);
  }, { pollInterval: 5, logger: { ...silentLogger, warn } });
});

for (const isEmpty of [true, false]) {
  const where = isEmpty ? "an empty store" : "a store with events of others";
  test(`a reader that reconnects before its first event misses none, with ${where}`, () =>
    withFeed(async ({ app, hooks }) => {
      const path = "/events/stream?session=s-1";
      const first = await app.request(path);
      if (!isEmpty) await hooks.emit("tool.called", { name: "others" });
      const reader = first.body!.pipeThrough(new TextDecoderStream()).getReader();
      const { value } = await inTime("the head", reader.read());
      await reader.cancel();
      for (const name of ["one", "two"]) {
        await hooks.emit("tool.called", { name }, { sessionId: "s-1" });
      }
      const lastId = /^id: (.+)$/m.exec(value!)![1]!;
      const second = await app.request(path, { headers: { "last-event-id": lastId } });
      assert.deepEqual(await namesUpTo(second, "two"), ["one", "two"]);
    }, { isEmpty }));
}

test("a reader resumes after an event whose id has no time", () =>
  withFeed(async ({ app, hooks }) => {
    const event = { type: "tool.called", timestamp: new Date(), data: { name: "foreign" } };
    await hooks.registry.dispatch({ ...event, id: "foreign-1" });
    await hooks.emit("tool.called", { name: "next" });
    const headers = { "last-event-id": "foreign-1" };
    const stream = await app.request("/events/stream", { headers });
    assert.deepEqual(await namesUpTo(stream, "next"), ["next"]);
  }));

test("hooks are closed once their event streams don't read the store any longer", () =>
  withFeed(async (setup) => {
    const stream = await setup.app.request("/events/stream");
    const held = holdingGate();
    setup.gate = held.gate;
    await setup.hooks.emit("tool.called", { name: "second" });
    await held.holds(1);
    setup.gate = undefined;
    let isClosed = false;
    const closed = setup.hooks.close().finally(() => isClosed = true);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(!isClosed);
    held.open();
    await closed;
    await stream.body!.cancel();
  }));
