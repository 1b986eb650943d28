import assert from "node:assert/strict";
import { type CommandServer, processIO } from "@omniagent/hooks/cli";
import { deferred } from "../support/deferred.ts";
import { test } from "../support/harness.ts";

test("the server of a process responds with status, headers, cookies and body", async () => {
  const handler = async (request: Request) => {
    const headers = new Headers({ "x-method": request.method, "content-type": "text/plain" });
    headers.append("set-cookie", "a=1");
    headers.append("set-cookie", "b=2");
    const { pathname, search } = new URL(request.url);
    const body = `${pathname}${search} ${request.headers.get("x-sent")} ${await request.text()}`;
    return new Response(body, { status: 201, headers });
  };
  await listening(handler, async (url) => {
    const init = { method: "PUT", headers: { "x-sent": "1" }, body: "hällo" };
    const response = await fetch(`${url}/a/b?c=d`, init);
    assert.equal(response.status, 201);
    assert.equal(response.headers.get("x-method"), "PUT");
    assert.deepEqual(response.headers.getSetCookie(), ["a=1", "b=2"]);
    assert.equal(await response.text(), "/a/b?c=d 1 hällo");
    const none = await fetch(`${url}/`);
    assert.equal(await none.text(), "/ null ");
  });
});

test("an unread upload delays neither its response nor the next", async () => {
  await listening(() => new Response("no", { status: 413 }), async (url) => {
    const body = "x".repeat(5_000_000);
    for (let n = 0; n < 3; n++) {
      const response = await fetch(url, { method: "POST", body });
      assert.equal(response.status, 413);
      assert.equal(await response.text(), "no");
    }
  });
});

test("a partly read upload gets its response", async () => {
  const handler = async (request: Request) => {
    for await (const _ of request.body!) break;
    return new Response("enough", { status: 413 });
  };
  await listening(handler, async (url) => {
    for (let n = 0; n < 3; n++) {
      const response = await fetch(url, { method: "POST", body: "x".repeat(5_000_000) });
      assert.equal(await response.text(), "enough");
    }
  });
});

test("a handler that throws is a 500, and the server keeps running", async () => {
  await listening((request) => {
    if (request.method === "POST") throw new Error("a fault");
    return new Response("ok");
  }, async (url) => {
    const failed = await fetch(url, { method: "POST", body: "{}" });
    assert.equal(failed.status, 500);
    assert.equal(await failed.text(), "");
    assert.equal(await (await fetch(url)).text(), "ok");
  });
});

test("a body is streamed, and cancelled when its reader goes away", async () => {
  const cancelled = deferred();
  const handler = () => {
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode("first")),
      cancel: () => cancelled.resolve(),
    });
    return new Response(body);
  };
  await listening(handler, async (url) => {
    const gone = new AbortController();
    const response = await fetch(url, { signal: gone.signal });
    const reader = response.body!.getReader();
    assert.equal(new TextDecoder().decode((await reader.read()).value), "first");
    gone.abort();
    await reader.read().catch(() => {});
    await cancelled.promise;
  });
});

test("close() waits for a response in flight", async () => {
  const begun = deferred();
  const finish = deferred();
  let server!: CommandServer;
  await listening(async () => {
    begun.resolve();
    await finish.promise;
    return new Response("whole");
  }, async (url) => {
    const text = fetch(url).then((response) => response.text());
    await begun.promise;
    const closed = server.close(10_000);
    finish.resolve();
    assert.equal(await text, "whole");
    await closed;
  }, (it) => server = it);
});

async function listening(
  handler: (request: Request) => Response | Promise<Response>,
  use: (url: string) => Promise<void>,
  started: (server: CommandServer) => void = () => {},
): Promise<void> {
  const server = await processIO().serve({ hostname: "127.0.0.1", port: 0 }, handler);
  started(server);
  try {
    await use(`http://127.0.0.1:${server.port}`);
  } finally {
    await server.close(500); // Node's fetch keeps a connection that Node's server does not call idle
  }
}
