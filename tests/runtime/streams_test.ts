/**
 * An event stream that is silent for longer than a host allows, with the defaults of the app. Needs
 * `npm ci` in tests/runtime.
 * @module
 */
import assert from "node:assert/strict";
import { hasRuntimes } from "../../tools/packed.ts";
import { test } from "../support/harness.ts";
import { HOSTS, TOKEN, withHost } from "./hosts.ts";

/** Bun resets a connection that is silent for 10 s, at the latest 2 s later. */
const SILENCE = 12_500;

if (await hasRuntimes("silent streams on Deno, Bun and Node")) {
  test("a stream without events outlives the idle timeout of every documented host", async () => {
    await Promise.all(HOSTS.map((host) => withHost(host, {}, (port) => readThrough(host, port))));
  });
}

async function readThrough(host: string, port: number): Promise<void> {
  const url = `http://127.0.0.1:${port}/events`;
  const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
  const stream = (await fetch(`${url}/stream`, { headers })).body!;
  const started = performance.now();
  let text = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    const isFirst = text === "";
    text += part;
    if (isFirst) assert.match(text, /^retry: \d+\n: connected\n/, host);
    if (text.includes("data:")) break;
    if (performance.now() - started < SILENCE) continue;
    const body = JSON.stringify({ type: "order.paid", data: 1 });
    const response = await fetch(url, { method: "POST", headers, body });
    await response.body?.cancel();
    assert.equal(response.status, 202, host);
  }
  assert.match(text, /^data: .*order\.paid/m, host);
}
