/**
 * `webhookReceiver` over a store: instances that share it, crash, or find it failing; and the whole way
 * from a `WebhookHook` over a socket.
 * @module
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { HookEvent } from "@omniagent/hooks";
import type { Store } from "@omniagent/hooks/store";
import { memoryStore } from "@omniagent/hooks/testing";
import {
  generateSecret,
  webhookReceiver,
  type WebhookReceiverOptions,
} from "@omniagent/hooks/webhook";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { attempt, EVENT, hookOf, inVirtualTime, until } from "./hook_checks.ts";
import { receiver, SECRET, signed } from "./receiver_checks.ts";

/** A handler whose calls the test ends one by one; from the third on they end by themselves. */
function held() {
  const ends: { readonly resolve: () => void; readonly reject: (reason: unknown) => void }[] = [];
  const handler = () =>
    new Promise<void>((resolve, reject) => {
      if (ends.push({ resolve, reject }) > 2) resolve();
    });
  return { ends, handler };
}

/** A store whose methods can be made to fail. */
function failing(method: "get" | "set" | "atomic", store: Store = memoryStore()) {
  const state = { fails: true };
  const proxy = new Proxy(store, {
    get(target, name) {
      const member = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      if (name !== method) return member.bind(target);
      return (...args: unknown[]) => {
        if (!state.fails) return member.apply(target, args);
        const fault = new Error("the disk is full");
        if (method === "atomic") throw fault;
        return Promise.reject(fault);
      };
    },
  });
  return { state, store: proxy };
}

test("only one of two instances on a store handles a message, and both recognize it afterwards", async () => {
  const store = memoryStore();
  const { ends, handler } = held();
  const [one, other] = [receiver(handler, { store }), receiver(handler, { store })];
  const first = one(await signed());
  await until(() => ends.length === 1);
  assert.equal((await other(await signed())).status, 409);
  ends[0]!.resolve();
  assert.equal((await first).status, 200);
  const third = receiver(handler, { store });
  for (const it of [one, other, third]) assert.equal((await it(await signed())).status, 200);
  assert.equal(ends.length, 1);
});

test("only one of two instances handles a message that arrives at both", async () => {
  for (let round = 0; round < 20; round++) {
    const store = memoryStore();
    const { ends, handler } = held();
    const [one, other] = [receiver(handler, { store }), receiver(handler, { store })];
    const [a, b] = await Promise.all([signed(), signed()]);
    const responses = [one(a), other(b)];
    const rejected = await Promise.race(responses);
    assert.deepEqual([rejected.status, ends.length], [409, 1]);
    ends[0]!.resolve();
    const statuses = (await Promise.all(responses)).map(({ status }) => status);
    assert.deepEqual(statuses.sort(), [200, 409]);
  }
});

test("only one of two simultaneous requests to an instance handles a message", async () => {
  const store = memoryStore();
  let reads = 0;
  const together: Store = Object.assign(Object.create(store), {
    async get(key: readonly string[]) {
      const entry = await store.get(key);
      reads++;
      await until(() => reads >= 2); // neither continues before both have read
      return entry;
    },
    atomic: () => store.atomic(),
    set: (...args: Parameters<Store["set"]>) => store.set(...args),
  });
  const { ends, handler } = held();
  const receive = receiver(handler, { store: together });
  const [a, b] = await Promise.all([signed(), signed()]);
  const statuses: number[] = [];
  const all = [a, b].map(async (request) => statuses.push((await receive(request)).status));
  await until(() => ends.length + statuses.length === 2);
  ends.forEach(({ resolve }) => resolve());
  await Promise.all(all);
  assert.deepEqual([...statuses.sort(), ends.length], [200, 409, 1]);
});

test("a message whose process crashed is handled by another one after handlingTime", () =>
  inVirtualTime(async ({ pass }) => {
    const store = memoryStore({ now: () => Date.now() });
    const { ends, handler } = held();
    const crashed = receiver(handler, { store, handlingTime: 60_000 });
    void crashed(await signed());
    await until(() => ends.length === 1);
    let calls = 0;
    const next = receiver(() => void calls++, { store, handlingTime: 60_000 });
    await pass(59_999);
    assert.equal((await next(await signed())).status, 409);
    await pass(1);
    for (let n = 0; n < 2; n++) assert.equal((await next(await signed())).status, 200);
    assert.equal(calls, 1);
  }));

test("a handler that fails after handlingTime does not release the message of another process", () =>
  inVirtualTime(async ({ pass }) => {
    const store = memoryStore({ now: () => Date.now() });
    const { ends, handler } = held();
    const receive = receiver(handler, { store, handlingTime: 60_000 });
    const slow = receive(await signed());
    await until(() => ends.length === 1);
    await pass(60_000);
    const next = receive(await signed());
    await until(() => ends.length === 2);
    ends[0]!.reject(new Error("too slow"));
    assert.equal((await slow).status, 500);
    assert.equal((await receive(await signed())).status, 409);
    ends[1]!.resolve();
    assert.equal((await next).status, 200);
    assert.equal(ends.length, 2);
  }));

test("ids are forgotten after `remember`", () =>
  inVirtualTime(async ({ pass }) => {
    const store = memoryStore({ now: () => Date.now() });
    let calls = 0;
    const receive = receiver(() => void calls++, { store, remember: 1000 });
    for (const wait of [0, 999, 1]) {
      await pass(wait);
      assert.equal((await receive(await signed())).status, 200);
    }
    assert.equal(calls, 2);
  }));

test("while the store is unavailable no message is handled, and the response asks for a retry", async () => {
  for (const method of ["get", "atomic"] as const) {
    const { state, store } = failing(method);
    let calls = 0;
    const errors: unknown[] = [];
    const logger = { ...silentLogger, error: (...data: unknown[]) => void errors.push(data) };
    const receive = receiver(() => void calls++, { store, logger });
    const response = await receive(await signed());
    const { code, detail } = await response.json();
    assert.deepEqual([response.status, code, calls], [500, "not_received", 0]);
    assert.ok(!detail.includes("disk"));
    assert.equal(errors.length, 1);
    state.fails = false;
    assert.equal((await receive(await signed())).status, 200);
    assert.equal(calls, 1);
  }
});

test("a message that was handled but can't be recorded is still acknowledged", async () => {
  const { store } = failing("set");
  const errors: unknown[] = [];
  const logger = { ...silentLogger, error: (...data: unknown[]) => void errors.push(data[0]) };
  assert.equal((await receiver(() => {}, { store, logger })(await signed())).status, 200);
  assert.deepEqual(errors, ["Webhook 'msg_1' was not recorded"]);
});

test("a receiver rejects invalid options when it is created", () => {
  const make = (options: object) =>
    webhookReceiver(() => {}, { secrets: SECRET, ...options } as WebhookReceiverOptions);
  for (const name of ["remember", "handlingTime", "maxBodyBytes"]) {
    for (const value of [0, -1, NaN]) {
      assert.throws(() => make({ [name]: value }), {
        name: "RangeError",
        message: new RegExp(
          `^Cannot create a webhook receiver: '${name}' must be .*, got ${value}$`,
        ),
      });
    }
    assert.throws(() => make({ [name]: "5" }), TypeError);
  }
  assert.throws(() => make({ secrets: "" }), { code: "invalid_secret" });
  assert.throws(() => webhookReceiver("no" as never, { secrets: SECRET }), TypeError);
});

/** Serves a fetch handler by `node:http`, which Deno and Bun have, too. */
async function serve(handle: (request: Request) => Promise<Response>) {
  const server = createServer(async (incoming, outgoing) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const { method = "GET", headers } = incoming;
    const body = new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
    const init = { method, headers: headers as Record<string, string>, body };
    const response = await handle(new Request("http://h.example/", init));
    outgoing.writeHead(response.status, [...response.headers].flat());
    outgoing.end(await response.text());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = () => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return { url: `http://127.0.0.1:${port}/`, close };
}

for (const format of ["native", "cloudevents", "cloudevents-binary"] as const) {
  test(`a ${format} webhook reaches a receiver over a socket: rejected, failed, handled, duplicate`, async () => {
    const events: HookEvent[] = [];
    let fails = true;
    const { url, close } = await serve(receiver((event) => {
      if (fails) throw new Error("not yet");
      events.push(event);
    }));
    try {
      const data = { name: "bäsh", args: ["世界", '"'] };
      const hook = hookOf({ url, format, secret: SECRET });
      const unknownSender = hookOf({ url, format, secret: generateSecret() });
      const send = async (by: typeof hook) =>
        (await attempt(by, { event: { ...EVENT, data } })).status;
      assert.equal(await send(unknownSender), 401);
      assert.equal(await send(hook), 500);
      fails = false;
      assert.equal(await send(hook), 200);
      assert.equal(await send(hook), 200);
      assert.deepEqual(events, [{ ...EVENT, data }]);
    } finally {
      await close();
    }
  });
}
