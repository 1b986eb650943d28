import { CloudEvent, emitterFor, httpTransport, Mode } from "cloudevents";
import { connect } from "node:net";
import assert from "node:assert/strict";
import { createHooks, type Hooks } from "@omniagent/hooks";
import { createHooksApp } from "@omniagent/hooks/hono";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { test } from "../harness.ts";
import { quiet } from "../quiet.ts";
import { BASH } from "./helpers.ts";
import { serve, talk } from "./servers.ts";

type Setup = { readonly hooks: Hooks; readonly port: number; readonly heard: unknown[] };

async function withServer(body: (setup: Setup) => Promise<void>): Promise<void> {
  const hooks = createHooks({
    logger: quiet,
    outbox: createOutbox(memoryStore(), { logger: quiet }),
  });
  const heard: unknown[] = [];
  hooks.on("*", ({ data }) => void heard.push(data));
  const app = createHooksApp(hooks, { auth: false, logger: quiet, pollInterval: 20 });
  const server = await serve((request) => app.fetch(request));
  try {
    await body({ hooks, port: server.port, heard });
  } finally {
    await hooks.close();
    await server.stop();
  }
}

const status = (text: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);

/** Whether a whole answer is there. */
function whole(text: string): boolean {
  const end = text.indexOf("\r\n\r\n");
  const length = /^content-length: (\d+)/im.exec(text.slice(0, end))?.[1];
  if (length !== undefined) return text.length >= end + 4 + Number(length);
  return text.endsWith("\r\n0\r\n\r\n");
}

function post(body: string, headers = ""): string {
  return `POST /events HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n${headers}` +
    `content-length: ${body.length}\r\n\r\n${body}`;
}

for (const mode of [Mode.STRUCTURED, Mode.BINARY]) {
  test(`the SDK of CloudEvents emits to a server, and what it sends twice is heard once: ${mode}`, () =>
    withServer(async ({ port, heard }) => {
      const emit = emitterFor(httpTransport(`http://127.0.0.1:${port}/events`), { mode });
      const event = new CloudEvent({
        ...{ id: "1", source: "/agents/7", type: "tool.called", data: BASH.data },
        datacontenttype: "application/json",
      });
      await emit(event);
      await emit(event);
      assert.deepEqual(heard, [BASH.data]);
    }));
}

test("a batch that is cut off half-way changes nothing", () =>
  withServer(async ({ port, heard }) => {
    const body = JSON.stringify({ events: Array(50).fill(BASH) });
    const request = post(body);
    const chunk = body.slice(0, 100).length.toString(16);
    const half = [
      request.slice(0, -100), // as long as it says it is, but for the end
      `POST /events HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n` +
      `transfer-encoding: chunked\r\n\r\n${chunk}\r\n${body.slice(0, 100)}\r\n`,
    ];
    for (const text of half) {
      await new Promise<void>((resolve) => {
        const socket = connect(port, "127.0.0.1", () => {
          socket.write(text, () => setTimeout(() => socket.destroy(), 30));
        });
        socket.on("error", () => {});
        socket.on("close", () => resolve());
      });
    }
    const answer = await talk(port, [request], whole); // the same batch, whole
    assert.equal(status(answer), 202);
    assert.equal(heard.length, 50);
  }));

test("a body that grows past the limit is answered with 413", () =>
  withServer(async ({ port }) => {
    const said = `POST /events HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n` +
      `content-length: 99999999\r\n\r\n`;
    assert.equal(status(await talk(port, [said], whole)), 413);
  }));

test("two requests in one packet are both answered, in their order", () =>
  withServer(async ({ port, heard }) => {
    const [one, two] = [1, 2].map((data) => JSON.stringify({ type: "a", data }));
    const answers = await talk(
      port,
      [post(one!) + post(two!)],
      (text) => text.split("receipts").length > 2,
    );
    assert.equal(answers.split("HTTP/1.1 202").length, 3);
    assert.deepEqual(heard, [1, 2]);
  }));

test("nothing that is sent makes a header of an answer", () =>
  withServer(async ({ port }) => {
    const targets = [
      "/events?cursor=a%0d%0ax-injected:%201",
      "/events/a%0d%0ax-injected:%201",
      "/%0d%0ax-injected:%201",
      "/events/stream?session=%0d%0ax-injected:1",
    ];
    for (const target of targets) {
      const text = await talk(
        port,
        [`GET ${target} HTTP/1.1\r\nhost: a\r\nlast-event-id: a%0d%0ab\r\nconnection: close\r\n\r\n`],
        whole,
      );
      assert.ok(status(text) >= 400, text);
      assert.doesNotMatch(text, /^x-injected/im);
    }
  }));

test("events are streamed over a socket, and Last-Event-ID goes on", () =>
  withServer(async ({ hooks, port }) => {
    const open = (lastId = "") =>
      fetch(`http://127.0.0.1:${port}/events/stream`, {
        headers: lastId ? { "last-event-id": lastId } : {},
      });
    const first = (await open()).body!.pipeThrough(new TextDecoderStream()).getReader();
    assert.match((await first.read()).value!, /: connected/);
    const { id } = await hooks.emit("tool.called", { name: "one" });
    assert.match((await first.read()).value!, new RegExp(`^id: ${id}\n.*"one"`, "s"));
    await first.cancel();
    await hooks.emit("tool.called", { name: "two" });
    const second = (await open(id)).body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes('"two"')) text += (await second.read()).value;
    assert.doesNotMatch(text, /"one"/);
    await second.cancel();
  }));
