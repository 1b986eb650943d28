import { createHooks, WebhookHook } from "@omniagent/hooks";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import type { Store } from "@omniagent/hooks/store";
import { createAddressGuard, generateSecret } from "@omniagent/hooks/webhook";
import { generateEncryptionKey, webhookStore } from "@omniagent/hooks/webhook-store";
import assert from "node:assert/strict";
import { bindStore } from "../support/bind_store.ts";
import { test } from "../support/harness.ts";
import { until } from "../support/until.ts";
import { type Instance, KEY, openInstance, Receivers } from "./helpers.ts";

const AUDIT = { name: "audit", events: ["tool.*"], url: "https://audit.example/events" };

/** Runs with one instance over a store of its own. */
function withInstance(
  name: string,
  body: (instance: Instance, receivers: Receivers) => Promise<void>,
): void {
  test(name, async () => {
    const receivers = new Receivers();
    const instance = await openInstance(memoryStore(), receivers);
    try {
      await body(instance, receivers);
    } finally {
      await instance.hooks.close();
    }
  });
}

withInstance(
  "a webhook that is created receives the next event, signed with its new secret",
  async (
    { hooks, webhooks },
    receivers,
  ) => {
    const { webhook, secret } = await webhooks.create({
      ...AUDIT,
      headers: { Authorization: "Bearer s3cret-value" },
      timeout: "5s",
    });
    assert.deepEqual([webhook.name, webhook.revision, webhook.fields.timeout], ["audit", 1, "5s"]);
    assert.deepEqual(webhook.headerNames, ["Authorization"]);
    await hooks.emit("tool.called", { name: "bash" });
    await until(() => receivers.arrived.length === 1, "the event arrives");
    const [request] = receivers.arrived;
    assert.equal(request!.url, AUDIT.url);
    assert.equal(request!.headers.get("authorization"), "Bearer s3cret-value");
    assert.ok(await request!.isSignedBy(secret!));
  },
);

withInstance("get() and list() return no secret and no header value", async ({ webhooks }) => {
  const secret = generateSecret();
  await webhooks.create({ ...AUDIT, secret, headers: { "X-Token": "marker-value" } });
  const shown = JSON.stringify([await webhooks.get("audit"), await webhooks.list()]);
  assert.ok(!shown.includes(secret.slice(6)) && !shown.includes("marker-value"), shown);
  assert.ok(shown.includes("X-Token"));
});

test("the store contains no secret or header value in plain text", async () => {
  const store = memoryStore();
  const { hooks, webhooks } = await openInstance(store, new Receivers());
  const { secret } = await webhooks.create({ ...AUDIT, headers: { "X-Token": "marker-value" } });
  const entries: unknown[] = [];
  for await (const { key, value } of store.list({ prefix: ["hooks"] })) entries.push([key, value]);
  const text = JSON.stringify(
    entries,
    (_, value) => typeof value === "bigint" ? `${value}` : value,
  );
  assert.ok(text.includes("audit.example"));
  assert.ok(!text.includes("marker-value") && !text.includes(secret!.slice(6)));
  await hooks.close();
});

withInstance("update() changes fields, merges headers, and leaves the secret", async (
  { hooks, webhooks },
  receivers,
) => {
  const { secret } = await webhooks.create({
    ...AUDIT,
    retry_count: 2,
    headers: { "X-A": "a", "X-B": "b" },
  });
  const changed = await webhooks.update("audit", {
    url: "https://other.example/",
    retry_count: null,
    headers: { "x-a": "changed", "X-B": null, "X-C": "c" },
  });
  assert.equal(changed.revision, 2);
  assert.deepEqual(changed.fields, { events: ["tool.*"], url: "https://other.example/" });
  assert.deepEqual([...changed.headerNames].sort(), ["X-C", "x-a"]);
  await hooks.emit("tool.called", { name: "bash" });
  await until(() => receivers.arrived.length === 1, "the event arrives");
  const [{ url, headers, isSignedBy }] = receivers.arrived as [typeof receivers.arrived[0]];
  assert.equal(url, "https://other.example/");
  assert.deepEqual(["x-a", "x-b", "x-c"].map((name) => headers.get(name)), ["changed", null, "c"]);
  assert.ok(await isSignedBy(secret!));
});

withInstance(
  "update() and delete() fail for another revision, and for a name that is not stored",
  async (
    { webhooks },
  ) => {
    await webhooks.create(AUDIT);
    await webhooks.update("audit", { events: ["job.*"] }, { revision: 1 });
    const changed = { name: "WebhookStoreError", code: "webhook_changed" };
    await assert.rejects(webhooks.update("audit", { events: ["*"] }, { revision: 1 }), changed);
    await assert.rejects(webhooks.delete("audit", { revision: 1 }), changed);
    await assert.rejects(webhooks.rotateSecret("audit", { revision: 1 }), changed);
    const missing = { code: "webhook_not_found" };
    await assert.rejects(webhooks.update("none", { events: ["*"] }), missing);
    await assert.rejects(webhooks.delete("none"), missing);
    await assert.rejects(webhooks.test("none"), missing);
    assert.equal(await webhooks.get("none"), undefined);
  },
);

withInstance(
  "two changes at once are both applied, and only one at a revision",
  async ({ webhooks }) => {
    await webhooks.create(AUDIT);
    await Promise.all([
      webhooks.update("audit", { timeout: "3s" }),
      webhooks.update("audit", { concurrency: 3 }),
    ]);
    const { fields, revision } = (await webhooks.get("audit"))!;
    assert.deepEqual([fields.timeout, fields.concurrency, revision], ["3s", 3, 3]);
    const results = await Promise.allSettled([
      webhooks.update("audit", { timeout: "4s" }, { revision: 3 }),
      webhooks.update("audit", { timeout: "5s" }, { revision: 3 }),
    ]);
    assert.deepEqual(results.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  },
);

withInstance("a pending delivery goes to the changed URL at its next attempt", async (
  { hooks, outbox, webhooks },
  receivers,
) => {
  receivers.respond = () => new Response(null, { status: 500 });
  await webhooks.create({ ...AUDIT, retry: ["1h"] });
  const { id } = await hooks.emit("tool.called", { name: "bash" });
  await until(async () => (await outbox.get("audit", id))?.made === 1, "it failed");
  receivers.respond = () => new Response(null, { status: 204 });
  await webhooks.update("audit", { url: "https://fixed.example/" });
  await outbox.retry("audit", id);
  await until(async () => (await outbox.get("audit", id))?.state === "delivered", "it arrives");
  assert.equal(receivers.urls.at(-1), "https://fixed.example/");
});

withInstance("delete() purges what is pending, and the name is never used again", async (
  { hooks, outbox, webhooks },
  receivers,
) => {
  receivers.respond = () => new Response(null, { status: 500 });
  await webhooks.create({ ...AUDIT, retry: ["1h"] });
  const { id } = await hooks.emit("tool.called", { name: "bash" });
  await until(async () => (await outbox.get("audit", id))?.made === 1, "it failed");
  await webhooks.delete("audit");
  const pending = await outbox.listDeliveries({ state: "pending" });
  assert.deepEqual(pending.items, []);
  const { deliveries } = await hooks.emit("tool.called", { name: "bash" });
  assert.equal(deliveries, 0);
  await assert.rejects(webhooks.create(AUDIT), { code: "name_used" });
  assert.deepEqual((await webhooks.list()).items, []);
  assert.equal(receivers.arrived.length, 1);
});

test("a change whose response is lost is applied once, and succeeds", async () => {
  const store = memoryStore();
  let lost = 0;
  const lossy: Store = {
    ...bindStore(store),
    atomic() {
      const operation = store.atomic();
      const commit = operation.commit.bind(operation);
      operation.commit = async () => {
        const outcome = await commit();
        if (lost++ % 2 === 0) throw new Error("the connection was reset");
        return outcome;
      };
      return operation;
    },
  };
  const webhooks = webhookStore(lossy, {
    encryptionKey: KEY,
    guard: createAddressGuard({ resolve: new Receivers().resolve }),
  });
  await webhooks.create(AUDIT);
  assert.equal((await webhooks.update("audit", { timeout: "3s" })).revision, 2);
  await webhooks.delete("audit", { revision: 2 });
  assert.equal(lost, 6);
  assert.equal(await webhooks.get("audit"), undefined);
  await assert.rejects(webhooks.create(AUDIT), { code: "name_used" });
});

withInstance("rotateSecret() keeps the old secret for the overlap, and returns the new one", async (
  { hooks, webhooks },
  receivers,
) => {
  const first = (await webhooks.create(AUDIT)).secret!;
  const { webhook, secret: second } = await webhooks.rotateSecret("audit");
  assert.equal(webhook.secrets.length, 2);
  const left = webhook.secrets[1]!.expiresAt!.getTime() - Date.now();
  assert.ok(left > 23.9 * 3_600_000 && left <= 24 * 3_600_000, `${left}`);
  await hooks.emit("tool.called", { name: "bash" });
  await until(() => receivers.arrived.length === 1, "it arrives");
  assert.deepEqual(
    await Promise.all([first, second!].map((secret) => receivers.arrived[0]!.isSignedBy(secret))),
    [true, true],
  );
  const third = generateSecret();
  const own = await webhooks.rotateSecret("audit", { secret: third, overlap: 0 });
  assert.equal(own.secret, undefined);
  await hooks.emit("tool.called", { name: "bash" });
  await until(() => receivers.arrived.length === 2, "it arrives");
  assert.deepEqual(
    await Promise.all(
      [first, second!, third].map((secret) => receivers.arrived[1]!.isSignedBy(secret)),
    ),
    [false, false, true],
  );
});

withInstance(
  "an old secret stops signing when its overlap ends",
  async ({ hooks, webhooks }, receivers) => {
    const first = (await webhooks.create(AUDIT)).secret!;
    await webhooks.rotateSecret("audit", { overlap: 1 });
    await until(async () => {
      const before = receivers.arrived.length;
      await hooks.emit("tool.called", { name: "bash" });
      await until(() => receivers.arrived.length > before, "it arrives");
      return !await receivers.arrived.at(-1)!.isSignedBy(first);
    }, "the old secret no longer signs");
  },
);

withInstance(
  "test() sends one signed event, which is not stored",
  async ({ outbox, webhooks }, receivers) => {
    const { secret } = await webhooks.create({ ...AUDIT, retry_count: 3 });
    receivers.respond = () => new Response("no", { status: 503 });
    const attempt = await webhooks.test("audit");
    assert.deepEqual([attempt.verdict, attempt.status, attempt.response], ["retry", 503, "no"]);
    const [{ body, isSignedBy }] = receivers.arrived as [typeof receivers.arrived[0]];
    const { type, data } = JSON.parse(body);
    assert.deepEqual([type, data], ["webhook.test", { webhook: "audit" }]);
    assert.ok(await isSignedBy(secret!));
    assert.equal(receivers.arrived.length, 1);
    assert.deepEqual((await outbox.listEvents()).items, []);
  },
);

withInstance("fields are those of the file, and every error is reported", async ({ webhooks }) => {
  const wrong = { ...AUDIT, timeout: 5, nope: true, secret: "whsec_marker", retry: ["soon"] };
  await assert.rejects(webhooks.create(wrong as never), (error: Error) => {
    const { issues } = error as unknown as { readonly issues: readonly { readonly at: string }[] };
    assert.deepEqual(issues.map(({ at }) => at), ["timeout", "nope", "secret", "retry[0]"]);
    assert.ok(!error.message.includes("marker"));
    return error.name === "ConfigError";
  });
  await webhooks.create(AUDIT);
  for (
    const changes of [{ events: null }, { url: null }, { secret: null }, { nope: 1 }, { name: "b" }]
  ) {
    await assert.rejects(webhooks.update("audit", changes as never), JSON.stringify(changes));
  }
  assert.equal((await webhooks.get("audit"))!.revision, 1);
});

withInstance(
  "strings are literal: no variable of the process can be read",
  async ({ hooks, webhooks }, receivers) => {
    await webhooks.create({ ...AUDIT, headers: { "X-Home": "${HOME}" } });
    await hooks.emit("tool.called", { name: "bash" });
    await until(() => receivers.arrived.length === 1, "it arrives");
    assert.equal(receivers.arrived[0]!.headers.get("x-home"), "${HOME}");
  },
);

withInstance("what is too large is refused", async ({ webhooks }) => {
  const headers = Object.fromEntries(
    Array.from({ length: 9 }, (_, i) => [`X-${i}`, "x".repeat(4000)]),
  );
  await assert.rejects(webhooks.create({ ...AUDIT, headers }), { code: "webhook_invalid" });
});

withInstance("a webhook that the outbox can't keep is refused, and nothing changes", async (
  { webhooks, hooks },
  receivers,
) => {
  await webhooks.create(AUDIT);
  const retry = ["9000h", "9000h"]; // retention is 30 days
  await assert.rejects(webhooks.create({ ...AUDIT, name: "b", retry }), /retention/);
  await assert.rejects(webhooks.update("audit", { retry }), /retention/);
  assert.deepEqual((await webhooks.list()).items.map(({ name }) => name), ["audit"]);
  await hooks.emit("tool.called", { name: "bash" });
  await until(() => receivers.arrived.length === 1, "it arrives");
});

test("a webhook of the file takes precedence over a stored one of the same name", async () => {
  const store = memoryStore();
  const receivers = new Receivers();
  const before = await openInstance(store, receivers);
  await before.webhooks.create(AUDIT);
  await before.hooks.close();
  const file = new WebhookHook({
    name: "audit",
    events: ["tool.*"],
    url: "https://file.example/",
    fetch: receivers.fetch,
  });
  const other = new WebhookHook({ ...AUDIT, name: "other", fetch: receivers.fetch });
  const after = await openInstance(store, receivers, { use: [file, other] });
  await assert.rejects(after.webhooks.create({ ...AUDIT, name: "other" }), {
    code: "webhook_exists",
  });
  assert.match((await after.webhooks.get("audit"))!.problem!, /configuration file/);
  assert.match(after.lines.join("\n"), /'audit' of the store is not used/);
  await after.hooks.emit("tool.called", { name: "bash" });
  await until(() => receivers.arrived.length === 2, "both receive it");
  assert.deepEqual([...receivers.urls].sort(), [AUDIT.url, "https://file.example/"]);
  await after.webhooks.delete("audit"); // the deliveries of the file's webhook stay
  await after.hooks.emit("tool.called", { name: "bash" });
  await until(() => receivers.arrived.length === 4, "both receive it");
  await after.hooks.close();
  const without = await openInstance(store, receivers);
  await assert.rejects(without.webhooks.create(AUDIT), { code: "name_used" });
  await without.hooks.close();
});

test("create() rejects more webhooks for an event than a commit can hold", async () => {
  const store = memoryStore({ limits: { mutations: 100 } });
  const { hooks, webhooks } = await openInstance(store, new Receivers());
  const filter = { "data.name": "git" };
  let created = 0;
  const limit = async () => {
    for (; created < 100; created++) await webhooks.create({ ...AUDIT, name: `w${created}` });
  };
  await assert.rejects(limit(), { code: "too_many_webhooks" });
  assert.ok(created > 20, `${created}`);
  const event = await hooks.emit("tool.called", { name: "bash" });
  assert.equal(event.deliveries, created);
  await assert.rejects(webhooks.create({ ...AUDIT, name: "all", events: ["job.*", "*"] }), {
    code: "too_many_webhooks",
  });
  await webhooks.create({ ...AUDIT, name: "filtered", filter });
  await webhooks.create({ ...AUDIT, name: "job", events: ["job.*"] });
  const same = { code: "too_many_webhooks" };
  await assert.rejects(webhooks.update("job", { events: ["tool.called"] }), same);
  await assert.rejects(webhooks.update("filtered", { filter: null }), same);
  await webhooks.update("w0", { timeout: "3s" });
  await webhooks.rotateSecret("w0");
  await hooks.close();
});

test("a webhook that exceeds a limit of the outbox is logged once, and used when it fits", async () => {
  const store = memoryStore();
  const receivers = new Receivers();
  const apart = webhookStore(store, {
    encryptionKey: KEY,
    guard: createAddressGuard({ resolve: receivers.resolve }),
  });
  for (let n = 0; n < 9; n++) { // an outbox has 8 with an ordering at most
    await apart.create({ ...AUDIT, name: `w${n}`, events: [`w${n}.*`], ordering: "session" });
  }
  const { hooks, webhooks, connection, lines } = await openInstance(store, receivers);
  const warnings = (): number => lines.filter((line) => line.includes("can't be used")).length;
  await connection.refresh();
  assert.equal(warnings(), 1);
  assert.match((await webhooks.get("w8"))!.problem!, /'ordering'/);
  await webhooks.delete("w0");
  await connection.refresh();
  assert.equal((await webhooks.get("w8"))!.problem, undefined);
  const event = { id: "1", type: "w8.a", timestamp: new Date(), data: {}, sessionId: "s" };
  assert.equal((await hooks.registry.dispatch(event)).deliveries, 1);
  await hooks.close();
});

test("a process with another key stores deliveries for a process that can send them", async () => {
  const store = memoryStore();
  const receivers = new Receivers();
  const first = await openInstance(store, receivers);
  const { secret } = await first.webhooks.create({ ...AUDIT, headers: { "X-A": "a" } });
  await first.hooks.close();
  const locked = await openInstance(store, receivers, { encryptionKey: generateEncryptionKey() });
  assert.match(locked.lines.join("\n"), /'audit' is held: .*another encryption key/);
  assert.match((await locked.webhooks.get("audit"))!.problem!, /another encryption key/);
  await assert.rejects(locked.webhooks.update("audit", {}), /Add that key to the encryption keys$/);
  const { deliveries, id } = await locked.hooks.emit("tool.called", { name: "bash" });
  assert.equal(deliveries, 1);
  assert.deepEqual(await locked.outbox.drainOnce({ timeout: 60_000 }), {
    settled: 0,
    remaining: false,
    next: undefined,
  });
  const locks = { code: "webhook_locked" };
  await assert.rejects(locked.webhooks.update("audit", { timeout: "3s" }), locks);
  await assert.rejects(locked.webhooks.rotateSecret("audit"), locks);
  await assert.rejects(locked.webhooks.test("audit"), locks);
  await locked.hooks.close();
  assert.equal(receivers.arrived.length, 0);
  const able = await openInstance(store, receivers);
  await until(
    async () => (await able.outbox.get("audit", id))?.state === "delivered",
    "it is delivered",
  );
  assert.ok(await receivers.arrived[0]!.isSignedBy(secret!));
  await able.hooks.close();
});

test("while a key is replaced, all keys open and the first seals", async () => {
  const store = memoryStore();
  const receivers = new Receivers();
  const next = generateEncryptionKey();
  const before = await openInstance(store, receivers);
  await before.webhooks.create(AUDIT);
  await before.hooks.close();
  const between = await openInstance(store, receivers, { encryptionKey: [next, KEY] });
  await between.webhooks.update("audit", { timeout: "3s" });
  await between.hooks.close();
  const after = await openInstance(store, receivers, { encryptionKey: next });
  assert.equal((await after.webhooks.test("audit")).verdict, "delivered");
  await after.hooks.close();
});

test("a sealed value can't be moved to another webhook or field", async () => {
  const store = memoryStore();
  const receivers = new Receivers();
  const { hooks, webhooks } = await openInstance(store, receivers);
  await webhooks.create({ ...AUDIT, headers: { "X-A": "a", "X-B": "b" } });
  await webhooks.create({ ...AUDIT, name: "other" });
  await hooks.close();
  type Sealed = { headers: Record<string, string>; secrets: { sealed: string }[] };
  const read = async (name: string) => (await store.get<Sealed>(["hooks", "webhook", name])).value!;
  const audit = await read("audit");
  const others: readonly [string, Sealed][] = [
    ["audit", {
      ...audit,
      headers: { "X-A": audit.headers["X-B"]!, "X-B": audit.headers["X-B"]! },
    }],
    ["audit", { ...audit, secrets: [{ ...audit.secrets[0]!, sealed: audit.headers["X-A"]! }] }],
    ["other", { ...await read("other"), secrets: audit.secrets }],
  ];
  const idle = webhookStore(store, { encryptionKey: KEY });
  for (const [name, moved] of others) {
    const kept = await read(name);
    await store.set(["hooks", "webhook", name], moved);
    await assert.rejects(idle.test(name), { code: "webhook_locked" });
    await store.set(["hooks", "webhook", name], kept);
  }
});

test("invalid options and connections are rejected without showing a key", () => {
  const store = memoryStore();
  for (const encryptionKey of [undefined, "", "marker", [], [KEY, "marker"], 5]) {
    assert.throws(() => webhookStore(store, { encryptionKey } as never), (error: Error) => {
      return error instanceof TypeError && !error.message.includes("marker") &&
        error.message.includes("'encryptionKey'");
    });
  }
  const webhooks = webhookStore(store, { encryptionKey: KEY });
  assert.throws(() => webhooks.connect(createHooks()), /outbox on the same store/);
  const other = createOutbox(memoryStore());
  assert.throws(() => webhooks.connect(createHooks({ outbox: other })), /outbox on the same store/);
  const hooks = createHooks({ outbox: createOutbox(store) });
  const connection = webhooks.connect(hooks);
  assert.throws(() => webhooks.connect(hooks), /is connected/);
  connection.unregister();
  webhooks.connect(hooks);
});
