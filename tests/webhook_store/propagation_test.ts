/**
 * Two instances on one store with 1,000 webhooks: how long a change that one makes over its API takes to be
 * effective on the other. Printed; what a busy machine may take is no failure.
 * @module
 */
import { createHooksApp } from "@omniagent/hooks/hono";
import { PostgresStore } from "@omniagent/hooks/postgres";
import assert from "node:assert/strict";
import { clients } from "../support/postgres_clients.ts";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { findPostgres, startPostgres } from "../support/postgres_server.ts";
import { until } from "../support/until.ts";
import { type Instance, openInstance, openSqliteTwice, Receivers, type Stores } from "./helpers.ts";

const WEBHOOKS = 1_000;
/** Webhooks that are created at the same time. */
const CREATORS = 8;
/** How long a change may take, in milliseconds: 5 s are promised, and machines that run tests are slower. */
const LIMIT = 60_000;
/** Between two looks, in milliseconds. */
const PAUSE = 20;

test("with 1,000 webhooks in one SQLite file, a change of one instance takes effect on the other", async () => {
  const stores = await openSqliteTwice();
  if (stores === undefined) return console.log("skipped: this runtime has no SQLite");
  await checkChanges("SQLite", stores);
});

const postgres = await findPostgres("1,000 webhooks in PostgreSQL");
if (postgres !== undefined) {
  test("with 1,000 webhooks in PostgreSQL, a change of one instance takes effect on the other", async () => {
    const server = await startPostgres(postgres);
    const pools = [clients["pg"]!(server.url), clients["pg"]!(server.url)] as const;
    const stores = [
      new PostgresStore(pools[0].client),
      new PostgresStore(pools[1].client),
    ] as const;
    await stores[0].migrate();
    await checkChanges("PostgreSQL", {
      stores,
      async close() {
        for (const store of stores) store.close();
        for (const pool of pools) await pool.close();
        await server.stop();
      },
    });
  });
}

/** Makes every kind of change on one instance, and waits for it on the other. */
async function checkChanges(kind: string, { stores, close }: Stores): Promise<void> {
  const [receiversOfOne, receivers] = [new Receivers(), new Receivers()];
  const one = await openInstance(stores[0], receiversOfOne);
  const names = Array.from({ length: WEBHOOKS }, (_, n) => `w${n}`).values();
  await Promise.all(Array.from({ length: CREATORS }, async () => {
    for (const name of names) {
      const url = `https://${name}.example/`;
      await one.webhooks.create({ name, events: [`${name}.*`], url });
    }
  }));
  const other = await openInstance(stores[1], receivers);
  const app = createHooksApp(one.hooks, {
    auth: false,
    webhooks: one.webhooks,
    logger: silentLogger,
  });
  const send = async (method: string, path: string, body: unknown = {}) => {
    const headers = { "content-type": "application/json", "if-match": "*" };
    const response = await app.request(path, { method, headers, body: JSON.stringify(body) });
    const json = await response.json();
    assert.ok(response.ok, JSON.stringify(json));
    return json;
  };
  const times: string[] = [];
  /** Waits until the other instance does what a change asks for. */
  const follow = async (what: string, isEffective: () => Promise<boolean>): Promise<void> => {
    const started = performance.now();
    await until(isEffective, what, { limit: LIMIT });
    times.push(`${what} ${Math.round(performance.now() - started)} ms`);
  };
  /** Emits an event on the other instance, and resolves to what that did with it. */
  const emit = (name = "yes") => deliver(other, receivers, name);

  await send("POST", "/webhooks", { name: "new", events: ["new.*"], url: "https://a.example/" });
  await follow("create", async () => (await emit()).deliveries === 1);
  await send("PATCH", "/webhooks/new", { url: "https://b.example/" });
  await follow("URL", async () => (await emit()).url === "https://b.example/");
  const { secret } = await send("POST", "/webhooks/new/rotate-secret", { overlap: "0s" });
  await follow("secret", async () => await (await emit()).isSignedBy?.(secret) === true);
  await send("PATCH", "/webhooks/new", { filter: { "data.name": ["yes"] } });
  await follow("filter", async () => (await emit("no")).deliveries === 0);
  assert.equal((await emit()).deliveries, 1);
  await send("POST", "/targets/new/disable");
  await follow("disable", async () => (await emit()).isHeld);
  await send("POST", "/targets/new/enable");
  await follow("enable", async () => !(await emit()).isHeld);
  await send("DELETE", "/webhooks/new");
  await follow("delete", async () => (await emit()).deliveries === 0);
  console.log(`${WEBHOOKS} webhooks in ${kind}: ${times.join(", ")}`);
  assert.equal((await other.webhooks.list({ limit: 1000 })).items.length, WEBHOOKS);

  await one.hooks.close();
  await other.hooks.close();
  await close();
}

type Delivered = {
  readonly deliveries: number;
  /** Whether nothing was sent. */
  readonly isHeld: boolean;
  /** Where it was sent. */
  readonly url?: string;
  isSignedBy?(secret: string): Promise<boolean>;
};

/** Emits an event for the webhook `new`, and waits until it is sent or held. */
async function deliver(
  { hooks, outbox }: Instance,
  receivers: Receivers,
  name: string,
): Promise<Delivered> {
  const { id, deliveries } = await hooks.registry.dispatch({
    id: crypto.randomUUID(),
    type: "new.event",
    timestamp: new Date(),
    data: { name },
  });
  if (deliveries === 0) return { deliveries, isHeld: false };
  const end = performance.now() + LIMIT;
  for (;;) {
    const delivery = await outbox.get("new", id);
    if (delivery?.state === "delivered") {
      const arrived = receivers.arrived.find(({ headers }) => headers.get("webhook-id") === id);
      return { deliveries, isHeld: false, ...arrived };
    }
    // What this process delivers is leased from the start, until it finds out that it may not.
    const isReleased = delivery?.leasedUntil === undefined && delivery?.made === 0;
    if (isReleased || delivery === undefined) return { deliveries, isHeld: true };
    assert.ok(performance.now() < end, `the event is neither sent nor held`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}
