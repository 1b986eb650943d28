/**
 * What makes a message a duplicate for `webhookReceiver`: what is unique for a sender and a receiver
 * must not hide the messages of others.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks, WebhookHook } from "@omniagent/hooks";
import type { Store } from "@omniagent/hooks/store";
import { memoryStore } from "@omniagent/hooks/testing";
import {
  generateSecret,
  signWebhook,
  webhookReceiver,
  type WebhookReceiverOptions,
} from "@omniagent/hooks/webhook";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { BODY } from "./receiver_checks.ts";

const [OLD, NEW, OTHER] = [generateSecret(), generateSecret(), generateSecret()];

/** A receiver, and how often it handled something. */
function counting(options: Partial<WebhookReceiverOptions>) {
  const counts = { handled: 0 };
  const receive = webhookReceiver(() => void counts.handled++, {
    secrets: OLD,
    logger: silentLogger,
    ...options,
  });
  return { counts, receive };
}

async function requestTo(url: string, secrets: string | readonly string[] = OLD, id = "msg_1") {
  const headers = await signWebhook(BODY, { id, secrets });
  return new Request(url, { method: "POST", body: BODY, headers });
}

test("two receivers that share a store both handle an event that is sent to both", async () => {
  const store = memoryStore();
  const handled: string[] = [];
  const routes: Readonly<Record<string, (request: Request) => Promise<Response>>> = {
    "/billing": webhookReceiver(() => void handled.push("billing"), { secrets: OLD, store }),
    "/audit": webhookReceiver(() => void handled.push("audit"), { secrets: OTHER, store }),
  };
  const fetch = async (url: string | URL | Request, init?: RequestInit) => {
    const request = new Request(url, init);
    return await routes[new URL(request.url).pathname]!(request);
  };
  const of = (name: string, secret: string) =>
    new WebhookHook({ name, events: ["*"], url: `https://app.example/${name}`, secret, fetch });
  const hooks = createHooks({ use: [of("billing", OLD), of("audit", OTHER)] });
  await hooks.emit("tool.called", { name: "bash" });
  await hooks.close();
  assert.deepEqual(handled.sort(), ["audit", "billing"]);
});

const memories: readonly (readonly [kind: string, store: () => Store | undefined])[] = [
  ["memory", () => undefined],
  ["a store", memoryStore],
];

for (const [kind, makeStore] of memories) {
  test(`with ${kind}, the same id from two senders is two messages`, async () => {
    const { counts, receive } = counting({ secrets: [OLD, OTHER], store: makeStore() });
    for (const secret of [OLD, OTHER, OLD, OTHER]) {
      assert.equal((await receive(await requestTo("https://a.example/", secret))).status, 200);
    }
    assert.equal(counts.handled, 2);
  });

  test(`with ${kind}, a message is not handled again under another host or query`, async () => {
    const { counts, receive } = counting({ store: makeStore() });
    const urls = [
      "https://b.example/hook",
      "https://a.example/hook?again",
      "http://a.example:81/hook",
    ];
    for (const at of ["https://a.example/hook", ...urls]) {
      assert.equal((await receive(await requestTo(at))).status, 200);
    }
    assert.equal(counts.handled, 1);
  });

  for (const url of ["https://a.example/hook/", "https://a.example/other"]) {
    test(`with ${kind}, the same id at ${url} and at another path is two messages`, async () => {
      const { counts, receive } = counting({ store: makeStore() });
      for (const at of ["https://a.example/hook", url, "https://a.example/hook", url]) {
        assert.equal((await receive(await requestTo(at))).status, 200);
      }
      assert.equal(counts.handled, 2);
    });
  }

  test(`with ${kind}, a receiver with a name recognizes a message at any URL`, async () => {
    const { counts, receive } = counting({ store: makeStore(), name: "billing" });
    for (const url of ["https://a.example/", "http://10.0.0.1:8080/b", "https://b.example/?x"]) {
      assert.equal((await receive(await requestTo(url))).status, 200);
    }
    assert.equal(counts.handled, 1);
  });
}

test("receivers of different names share a store, a secret and a URL, and nothing else", async () => {
  const store = memoryStore();
  const [a, b] = [counting({ store, name: "a" }), counting({ store, name: "b" })];
  for (const { receive } of [a, b, a, b]) await receive(await requestTo("https://a.example/"));
  assert.deepEqual([a.counts.handled, b.counts.handled], [1, 1]);
});

test("a secret is replaced without a message being handled twice, when both sign meanwhile", async () => {
  const store = memoryStore();
  const steps: readonly (readonly [known: readonly string[], signs: readonly string[]])[] = [
    [[OLD], [OLD]],
    [[OLD, NEW], [OLD]],
    [[OLD, NEW], [OLD, NEW]],
  ];
  const url = "https://a.example/";
  let handled = 0;
  for (const [secrets, signs] of steps) {
    const { counts, receive } = counting({ store, secrets });
    await receive(await requestTo(url, signs, "before"));
    handled += counts.handled;
  }
  assert.equal(handled, 1);
  const during = counting({ store, secrets: [OLD, NEW] });
  await during.receive(await requestTo(url, [OLD, NEW], "during"));
  const after = counting({ store, secrets: [NEW] });
  await after.receive(await requestTo(url, NEW, "during"));
  assert.deepEqual([during.counts.handled, after.counts.handled], [1, 0]);
});

test("a message that is handled under two secrets is claimed and released under both", async () => {
  const store = memoryStore();
  const url = "https://a.example/";
  let fails = true;
  const secrets = [OLD, NEW];
  const receive = webhookReceiver(() => {
    if (fails) throw new Error("not yet");
  }, { secrets, store, logger: silentLogger });
  assert.equal((await receive(await requestTo(url, secrets))).status, 500);
  fails = false;
  assert.equal((await receive(await requestTo(url, NEW))).status, 200);
  const again = await receive(await requestTo(url, secrets));
  assert.deepEqual(await again.json(), { ok: true, duplicate: true });
});

test("the store contains no part of a secret or a URL", async () => {
  const store = memoryStore();
  await counting({ store }).receive(await requestTo("https://a.example/private?token=t0ken"));
  const keys: unknown[] = [];
  for await (const { key, value } of store.list({ prefix: ["received"] })) keys.push([key, value]);
  assert.equal(keys.length, 1);
  const text = JSON.stringify(keys);
  for (const part of [OLD.slice(6), "private", "t0ken", "a.example"]) {
    assert.ok(!text.includes(part), part);
  }
});

test("a receiver rejects an invalid name", () => {
  for (const name of ["", "a b", "ä", "x".repeat(65), 5 as never, null as never]) {
    assert.throws(() => counting({ name }), TypeError);
  }
});
