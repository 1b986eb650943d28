/**
 * A kept-alive connection that the receiver closes at the moment at which it is used again: the request
 * is sent once more at once. By a server that counts requests on each connection.
 * @module
 */
import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { createHooks } from "@omniagent/hooks";
import { WebhookError } from "@omniagent/hooks/webhook";
import { rejection } from "../support/failures.ts";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { attempt, contextOf, EVENT, fakeFetch, hookOf, settle } from "./hook_checks.ts";

/** What becomes of a request: the n-th of the m-th connection, both from 1. */
type Fate = "ok" | "reset" | "close" | "half" | "hold";

/** Runs against a server; `ids` are the `webhook-id` of every request that came. */
async function withServer(
  fate: (n: number, connection: number) => Fate,
  run: (url: string, ids: readonly string[]) => Promise<void>,
): Promise<void> {
  const ids: string[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    const connection = ++connections;
    let n = 0;
    let request = "";
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (chunk) => {
      request += chunk.toString("latin1");
      const length = Number(/content-length: (\d+)/i.exec(request)?.[1]);
      const [, body] = request.split("\r\n\r\n");
      if (body === undefined || body.length < length) return;
      ids.push(/webhook-id: (\S+)/i.exec(request)![1]!);
      request = "";
      const what = fate(++n, connection);
      if (what === "ok") socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
      if (what === "reset") socket.resetAndDestroy();
      if (what === "close") socket.end();
      if (what === "half") socket.end("HTTP/1.1 200 O");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { readonly port: number };
  try {
    await run(`http://127.0.0.1:${port}/`, ids);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

for (const end of ["reset", "close", "half"] as const) {
  test(`an event is delivered in one attempt when its reused connection ends by '${end}'`, () =>
    withServer((n) => n === 1 ? "ok" : end, async (url, ids) => {
      const hook = hookOf({ url });
      assert.equal((await attempt(hook)).verdict, "delivered");
      for (let i = 2; i <= 4; i++) {
        await settle(); // until the connection is idle: only then it is used again
        const id = `event-${i}`;
        const { verdict, status, error } = await attempt(hook, { event: { ...EVENT, id } });
        assert.deepEqual([verdict, status, error], ["delivered", 200, undefined]);
        assert.ok(ids.filter((one) => one === id).length <= 2, ids.join());
      }
    }));
}

test("an inline delivery without retries survives a connection that was closed while idle", () =>
  withServer((n) => n === 1 ? "ok" : "reset", async (url, ids) => {
    const hooks = createHooks({ logger: silentLogger });
    hooks.use(hookOf({ url, retryCount: 0 }));
    for (let i = 0; i < 5; i++) {
      await hooks.emit("tool.called", { name: "bash" });
      await settle();
    }
    assert.equal(new Set(ids).size, 5);
    await hooks.close();
  }));

test("closing many idle connections at once fails no attempt", () =>
  withServer((n) => n === 1 ? "ok" : "reset", async (url) => {
    const hook = hookOf({ url });
    for (let round = 0; round < 3; round++) {
      const made = await Promise.all(Array.from({ length: 8 }, () => attempt(hook)));
      assert.deepEqual(made.filter(({ verdict }) => verdict !== "delivered"), []);
      await settle();
    }
  }));

test("a first connection that is reset is a failed attempt, of one request", () =>
  withServer(() => "reset", async (url, ids) => {
    const { verdict, status, resent } = await attempt(hookOf({ url }));
    assert.deepEqual([verdict, status, resent], ["retry", undefined, undefined]);
    assert.equal(ids.length, 1);
  }));

test("a receiver that resets every connection but the first gets at most two requests per attempt", () =>
  withServer((n, connection) => connection === 1 && n === 1 ? "ok" : "reset", async (url, ids) => {
    const hook = hookOf({ url });
    await attempt(hook);
    await settle();
    const { verdict } = await attempt(hook);
    assert.equal(verdict, "retry");
    assert.ok(ids.length >= 2 && ids.length <= 4, ids.join());
  }));

test("a request on a reused connection that stalls is not resent", () =>
  withServer((n) => n === 1 ? "ok" : "hold", async (url, ids) => {
    const hook = hookOf({ url, timeout: 1_500 });
    await attempt(hook);
    await settle();
    const { verdict, resent } = await attempt(hook);
    assert.deepEqual([verdict, resent, ids.length], ["retry", undefined, 2]);
  }));

/** Errors of the platforms, by their shape. */
function failure(code: string, message = code): Error {
  const cause = Object.assign(new Error(message), { code });
  return new TypeError("fetch failed", { cause });
}

const closed = [
  failure("ECONNRESET", "read ECONNRESET"),
  failure("EPIPE", "write EPIPE"),
  failure("UND_ERR_SOCKET", "other side closed"),
  Object.assign(new TypeError("The socket connection was closed unexpectedly"), {
    code: "ECONNRESET",
  }),
];

for (const error of closed) {
  const { code } = Object(error.cause ?? error);
  test(`${code}, '${(error.cause as Error ?? error).message}', is resent once, and recorded`, async () => {
    const { fetch, requests } = fakeFetch(200, error, 200, error, error, 200);
    const hook = hookOf({ fetch });
    assert.equal((await attempt(hook)).resent, undefined);
    const { duration: _, ...made } = await attempt(hook);
    assert.deepEqual(made, { verdict: "delivered", status: 200, resent: true });
    const failed = await attempt(hook);
    assert.equal(failed.verdict, "retry");
    assert.equal(requests.length, 5);
    const sent = requests.map(({ request }) => request);
    const bodies = await Promise.all(sent.map((request) => request.text()));
    assert.deepEqual(new Set(bodies).size, 1);
    assert.equal(
      sent[1]!.headers.get("webhook-timestamp"),
      sent[2]!.headers.get("webhook-timestamp"),
    );
  });
}

const others = [
  failure("ECONNREFUSED"),
  failure("ENOTFOUND"),
  failure("UND_ERR_SOCKET", "bad response"),
  failure("UND_ERR_HEADERS_TIMEOUT"),
  failure("CERT_HAS_EXPIRED"),
  new TypeError("fetch failed"),
];

for (const error of others) {
  test(`'${(error.cause as Error ?? error).message}' is not resent`, async () => {
    const { fetch, requests } = fakeFetch(200, error);
    const hook = hookOf({ fetch });
    await attempt(hook);
    assert.equal((await attempt(hook)).verdict, "retry");
    assert.equal(requests.length, 2);
  });
}

test("an attempt that is aborted is not resent", async () => {
  const controller = new AbortController();
  const { fetch, requests } = fakeFetch(200, () => {
    controller.abort();
    throw failure("ECONNRESET");
  });
  const hook = hookOf({ fetch });
  await attempt(hook);
  await attempt(hook, { signal: controller.signal });
  assert.equal(requests.length, 2);
});

test("a resend is part of its attempt: inline retries are counted as before", async () => {
  const { fetch, requests } = fakeFetch(200, failure("ECONNRESET"));
  const hook = hookOf({ fetch, retryCount: 2, retryDelay: 0 });
  await hook.deliver(EVENT, contextOf());
  const { attempts } = await rejection(hook.deliver(EVENT, contextOf()), WebhookError);
  assert.deepEqual([attempts.length, requests.length], [3, 1 + 3 * 2]);
});
