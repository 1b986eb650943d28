/**
 * Several instances on one store.
 * @module
 */
import { scheduleRetry, WebhookHook } from "@omniagent/hooks";
import type { Page } from "@omniagent/hooks/outbox";
import type { Store } from "@omniagent/hooks/store";
import { memoryStore } from "@omniagent/hooks/testing";
import type { StoredWebhook } from "@omniagent/hooks/webhook-store";
import assert from "node:assert/strict";
import { bindStore } from "../support/bind_store.ts";
import { test } from "../support/harness.ts";
import { until } from "../support/until.ts";
import { openInstance, openSqliteTwice, Receivers, type Stores } from "./helpers.ts";

const AUDIT = { name: "audit", events: ["tool.*"], url: "https://audit.example/events" };
/** A change is known within 5 s. Machines that run tests are slower. */
const LIMIT = 60_000;

/** Opens handles of one store. */
const stores: Readonly<Record<string, () => Promise<Stores | undefined>>> = {
  "a store in memory": () => {
    const store = memoryStore();
    return Promise.resolve({ stores: [store, store], close: () => Promise.resolve(store.close()) });
  },
  "one SQLite file": openSqliteTwice,
};

for (const [kind, open] of Object.entries(stores)) {
  test(`two instances on ${kind} follow each other's changes`, async () => {
    const opened = await open();
    if (opened === undefined) return console.log("skipped: this runtime has no SQLite");
    const { stores: [one, other], close } = opened;
    const receivers = new Receivers();
    const a = await openInstance(one, receivers);
    const b = await openInstance(other, receivers);
    const follow = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
      const started = Date.now();
      await until(holds, what);
      const took = Date.now() - started;
      console.log(`${kind}: ${what} after ${took} ms`);
      assert.ok(took < LIMIT, `${took}`);
    };
    const registered = (): boolean => b.hooks.registry.list().some(({ name }) => name === "audit");

    const first = (await a.webhooks.create(AUDIT)).secret!;
    await follow("the other has it", registered);
    await b.hooks.emit("tool.called", { name: "bash" });
    await until(() => receivers.arrived.length === 1, "it arrives");
    assert.ok(await receivers.arrived[0]!.isSignedBy(first));

    await a.webhooks.update("audit", { events: ["job.*"], url: "https://new.example/" });
    await follow(
      "the other has the change",
      () => b.hooks.registry.list().some(({ events }) => events.includes("job.*")),
    );
    await b.hooks.registry.dispatch({
      id: "job-1",
      type: "job.done",
      timestamp: new Date(),
      data: {},
    });
    await until(() => receivers.arrived.length === 2, "it arrives");
    assert.equal(receivers.urls[1], "https://new.example/");

    const { secret } = await a.webhooks.rotateSecret("audit", { overlap: 0 });
    let n = 2;
    await follow("the other signs with the new secret", async () => {
      const type = { type: "job.done", timestamp: new Date(), data: {} };
      await b.hooks.registry.dispatch({ id: `job-${n}`, ...type });
      await until(() => receivers.arrived.length === n + 1, "it arrives");
      return await receivers.arrived[n++]!.isSignedBy(secret!);
    });

    await a.webhooks.delete("audit");
    await follow("the other has dropped it", () => !registered());
    await a.hooks.close();
    await b.hooks.close();
    await close();
  });
}

test("a process that reads a deletion late leaves no records behind", async () => {
  const store = memoryStore();
  const receivers = new Receivers();
  receivers.respond = () => new Response(null, { status: 500 });
  const late = await openInstance(store, receivers);
  await late.webhooks.create({ ...AUDIT, retry: ["1h"] });
  const fast = await openInstance(store, receivers);
  await fast.webhooks.delete("audit");
  await late.hooks.emit("tool.called", { name: "bash" }); // it doesn't know yet
  await late.connection.refresh();
  const { deliveries } = await late.hooks.emit("tool.called", { name: "bash" });
  assert.equal(deliveries, 0);
  await until(async () => {
    await fast.outbox.drainOnce({ timeout: 20_000 });
    return (await fast.outbox.listDeliveries({ state: "pending" })).items.length === 0;
  }, "nothing is pending");
  await late.hooks.close();
  await fast.hooks.close();
});

test("deleting a webhook keeps the deliveries of a process that has the name in its file", async () => {
  const store = memoryStore();
  const receivers = new Receivers();
  receivers.respond = () => new Response(null, { status: 500 });
  const b = await openInstance(store, receivers);
  await b.webhooks.create(AUDIT);
  const file = () => {
    const url = "https://file.example/";
    const { fetch } = receivers;
    return new WebhookHook({ ...AUDIT, url, retry: scheduleRetry([3_600_000]), fetch });
  };
  const a = await openInstance(store, receivers, { use: [file()] });
  const { id } = await a.hooks.emit("tool.called", { name: "bash" });
  await until(async () => (await a.outbox.get("audit", id))?.made === 1, "it failed");
  await a.hooks.close(); // and is started again soon
  await b.webhooks.delete("audit");
  receivers.respond = () => new Response(null, { status: 204 });
  const again = await openInstance(store, receivers, { use: [file()] });
  await again.outbox.retry("audit", id);
  await until(async () => (await b.outbox.get("audit", id))?.state === "delivered", "it arrives");
  assert.equal((await b.outbox.endpoint("audit")).state, "on");
  await assert.rejects(b.webhooks.create(AUDIT), { code: "name_used" });
  await again.hooks.close();
  await b.hooks.close();
});

test("refresh() has what was stored before it was called", async () => {
  const store = memoryStore();
  const receivers = new Receivers();
  const b = await openInstance(store, receivers);
  await b.webhooks.create(AUDIT);
  let reading: (() => void) | undefined;
  let release: (() => void) | undefined;
  const slow: Store = {
    ...bindStore(store),
    async *list(...args) {
      yield* store.list(...args);
      if ((args[0] as { end?: readonly unknown[] }).end?.[1] !== "webhook\0" || !reading) return;
      const held = new Promise<void>((resolve) => release = resolve);
      reading();
      reading = undefined;
      await held;
    },
  };
  const a = await openInstance(slow, receivers);
  const has = (wanted: string) => a.hooks.registry.list().some(({ name }) => name === wanted);
  /** Creates a webhook while `a` has read the others and not yet ended, and runs `meanwhile`. */
  const createDuring = async (name: string, meanwhile: () => unknown): Promise<void> => {
    const started = new Promise<void>((resolve) => reading = resolve);
    const first = a.connection.refresh();
    await started;
    await b.webhooks.create({ ...AUDIT, name });
    const second = meanwhile();
    release!();
    await first;
    await second;
  };
  await createDuring("second", () => a.connection.refresh());
  assert.ok(has("second"));
  await a.hooks.close();
  await b.hooks.close();
});

test("a process whose other hook failed to open at first follows changes", async () => {
  const store = memoryStore();
  const receivers = new Receivers();
  let tries = 0;
  const late = {
    name: "late",
    events: ["*"],
    handle: () => {},
    init: () => tries++ === 0 ? Promise.reject(new Error("its database is starting")) : undefined,
  };
  const a = await openInstance(store, receivers, { useLater: [late] });
  assert.equal(tries, 2);
  const b = await openInstance(store, receivers);
  await a.webhooks.create(AUDIT);
  assert.equal((await a.hooks.emit("tool.called", { name: "bash" })).deliveries, 1);
  await b.webhooks.create({ ...AUDIT, name: "other" });
  const has = (): boolean => a.hooks.registry.list().some(({ name }) => name === "other");
  await until(has, "it has what another process created");
  await a.hooks.close();
  await b.hooks.close();
});

test("hooks are closed once their webhooks have been read", async () => {
  const store = memoryStore();
  const receivers = new Receivers();
  const b = await openInstance(store, receivers);
  let release: (() => void) | undefined;
  const slow: Store = {
    ...bindStore(store),
    async *list(...args) {
      yield* store.list(...args);
      const isWebhooks = (args[0] as { end?: readonly unknown[] }).end?.[1] === "webhook\0";
      if (isWebhooks) await new Promise<void>((resolve) => release = resolve);
    },
  };
  const opening = openInstance(slow, receivers);
  await until(() => release !== undefined, "it reads the webhooks");
  release!();
  release = undefined;
  const a = await opening;
  await b.webhooks.create(AUDIT);
  await until(() => release !== undefined, "it reads what is new");
  let isClosed = false;
  const closed = a.hooks.close().then(() => isClosed = true);
  await b.hooks.close();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(!isClosed);
  release!();
  await closed;
});

test("webhooks can be changed and deleted while the hooks of a process close", async () => {
  const store = memoryStore();
  const receivers = new Receivers();
  const a = await openInstance(store, receivers);
  await a.webhooks.create(AUDIT);
  await a.webhooks.create({ ...AUDIT, name: "other" });
  let release!: () => void;
  const held = new Promise<void>((resolve) => release = resolve);
  let received = false;
  a.hooks.on("job.executed", () => {
    received = true;
    return held;
  });
  const emitted = a.hooks.emit("job.executed", { job_id: "1", job_name: "a", success: true });
  await until(() => received, "a handler runs");
  const closed = a.hooks.close();
  const { revision } = await a.webhooks.update("audit", { url: "https://new.example/" });
  assert.equal(revision, 2);
  await a.webhooks.delete("other");
  release();
  await emitted;
  await closed;
  assert.deepEqual(a.lines, []);
  const b = await openInstance(store, receivers);
  await b.hooks.emit("tool.called", { name: "bash" });
  await until(() => receivers.arrived.length === 1, "it arrives");
  assert.deepEqual(receivers.urls, ["https://new.example/"]);
  await b.hooks.close();
});

test("1,000 webhooks: a new instance has them before its first event", async () => {
  const store = memoryStore();
  const receivers = new Receivers();
  const a = await openInstance(store, receivers);
  for (let n = 0; n < 1000; n++) {
    await a.webhooks.create({ ...AUDIT, name: `w${n}`, events: [`job.j${n}`] });
  }
  const names: string[] = [];
  let cursor: string | undefined;
  do {
    const page: Page<StoredWebhook> = await a.webhooks.list({ limit: 300, cursor });
    names.push(...page.items.map(({ name }) => name));
    cursor = page.cursor;
  } while (cursor !== undefined);
  assert.equal(new Set(names).size, 1000);
  const started = performance.now();
  const b = await openInstance(store, receivers);
  console.log(`opened 1,000 webhooks in ${Math.round(performance.now() - started)} ms`);
  const event = { id: "one", type: "job.j567", timestamp: new Date(), data: {} };
  const { deliveries } = await b.hooks.registry.dispatch(event);
  assert.equal(deliveries, 1);
  await until(() => receivers.arrived.length === 1, "it arrives");
  assert.equal((await b.outbox.endpoint("w567")).state, "on");
  await a.hooks.close();
  await b.hooks.close();
});
