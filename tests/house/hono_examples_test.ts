/**
 * The two examples of servers, unchanged.
 * @module
 */
import assert from "node:assert/strict";
import { WebhookReceiver } from "@omniagent/hooks/testing";
import { generateSecret, verifyWebhook } from "@omniagent/hooks/webhook";
import { makeFolder } from "../support/folder.ts";
import { test } from "../support/harness.ts";

const root = new URL("../..", import.meta.url);
const HOOKS_TOKEN = "a-token-of-this-test";
const authorization = `Bearer ${HOOKS_TOKEN}`;

/** Starts an example; gives its URL, and what it prints. Stops it with SIGINT. */
async function withExample(
  file: string,
  env: Readonly<Record<string, string>>,
  body: (url: string, printed: () => string) => Promise<void>,
): Promise<{ readonly code: number; readonly took: number }> {
  const { folder, remove } = await makeFolder();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--unstable-kv", "--unstable-cron", file],
    cwd: root,
    env: { NO_COLOR: "1", PORT: "0", HOOKS_TOKEN, HOOKS_DB: `${folder}/hooks.db`, ...env },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let text = "";
  const listening = Promise.withResolvers<string>();
  const read = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    for await (const part of stream.pipeThrough(new TextDecoderStream())) {
      text += part;
      const port = /Listening on http:\/\/[\w.]+:(\d+)/.exec(text)?.[1];
      if (port) listening.resolve(`http://127.0.0.1:${port}`);
    }
    listening.reject(new Error(`it ended after: ${text}`));
  };
  const reading = Promise.all([read(child.stdout), read(child.stderr)]);
  const failure = await listening.promise.then((url) => body(url, () => text)).then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  const stopped = performance.now();
  child.kill("SIGINT");
  const { code } = await child.status;
  await reading;
  await remove();
  if (failure) throw failure.error;
  return { code, took: performance.now() - stopped };
}

test("examples/hono_app.ts accepts an event at the user's route and streams it", async () => {
  const { code, took } = await withExample("examples/hono_app.ts", {}, async (url, printed) => {
    const headers = { authorization };
    const stream = await fetch(`${url}/hooks/events/stream`, { headers });
    const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
    await reader.read();
    const { id } = await (await fetch(`${url}/chat`, { method: "POST", body: "hello" })).json();
    assert.match((await reader.read()).value!, new RegExp(`^id: ${id}\ndata: .*"content":"hello"`));
    assert.match(printed(), /received: hello/);
    const refused = await fetch(`${url}/hooks/events`);
    assert.equal(refused.status, 401);
    await refused.body!.cancel();
    await reader.cancel();
  });
  assert.equal(code, 0);
  assert.ok(took < 4_500, `${took} ms`);
});

test("examples/deploy-deno/main.ts stores and delivers events, and stops within 5 s of SIGINT", async () => {
  const receiver = await WebhookReceiver.start({});
  const secret = generateSecret();
  const env = { WEBHOOK_URL: receiver.url, WEBHOOK_SECRET: secret };
  try {
    const { code, took } = await withExample("examples/deploy-deno/main.ts", env, async (url) => {
      const response = await fetch(`${url}/events`, {
        method: "POST",
        headers: { authorization, "content-type": "application/json" },
        body: '{"type":"tool.called","data":{"name":"bash"}}',
      });
      assert.equal(response.status, 202);
      const { receipts: [receipt] } = await response.json();
      assert.equal(receipt.deliveries, 1);
      await receiver.waitFor(1);
      const { body, headers } = receiver.requests[0]!;
      assert.equal((await verifyWebhook(body, headers, { secrets: secret })).id, receipt.id);
      const stream = await fetch(`${url}/events/stream`, { headers: { authorization } });
      const reader = stream.body!.getReader();
      await reader.read();
      void reader.read().catch(() => {}); // it is open when the signal comes
    });
    assert.equal(code, 0);
    assert.ok(took < 4_500, `${took} ms`);
  } finally {
    await receiver.close();
  }
});

test("examples/deploy-deno/main.ts does not start without a token", async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      "--unstable-kv",
      "--unstable-cron",
      "examples/deploy-deno/main.ts",
    ],
    cwd: root,
    env: { HOOKS_TOKEN: "", NO_COLOR: "1" },
  }).output();
  assert.notEqual(code, 0);
  assert.match(new TextDecoder().decode(stderr), /token/i);
});
