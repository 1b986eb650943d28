import { CloudEvent, emitterFor, httpTransport, Mode } from "cloudevents";
import { connect } from "node:net";
import assert from "node:assert/strict";
import { createHooks, type Hooks } from "@omniagent/hooks";
import { createHooksApp } from "@omniagent/hooks/hono";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { until } from "../support/until.ts";
import { BASH, inTime } from "./helpers.ts";
import { serve, talk } from "./servers.ts";

type Setup = { readonly hooks: Hooks; readonly port: number; readonly received: unknown[] };

async function withServer(body: (setup: Setup) => Promise<void>): Promise<void> {
  const hooks = createHooks({
    logger: silentLogger,
    outbox: createOutbox(memoryStore(), { logger: silentLogger }),
  });
  const received: unknown[] = [];
  hooks.on("*", ({ data }) => void received.push(data));
  const app = createHooksApp(hooks, { auth: false, logger: silentLogger, pollInterval: 20 });
  const server = await serve((request) => app.fetch(request));
  try {
    await body({ hooks, port: server.port, received });
  } finally {
    await hooks.close();
    await server.stop();
  }
}

const status = (text: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);

/** Returns whether a response is complete. */
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
  test(`the CloudEvents SDK emits to a server, and an event sent twice is handled once: ${mode}`, () =>
    withServer(async ({ port, received }) => {
      const emit = emitterFor(httpTransport(`http://127.0.0.1:${port}/events`), { mode });
      const event = new CloudEvent({
        id: "1",
        source: "/agents/7",
        type: "tool.called",
        data: BASH.data,
        datacontenttype: "application/json",
      });
      await emit(event);
      await emit(event);
      assert.deepEqual(received, [BASH.data]);
    }));
}

test("a batch that is cut off halfway changes nothing", () =>
  withServer(async ({ port, received }) => {
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
    const response = await talk(port, [request], whole); // the same batch, whole
    assert.equal(status(response), 202);
    assert.equal(received.length, 50);
  }));

test("an upload that its client drops is logged as a 400, not as an error", async () => {
  const lines: (readonly unknown[])[] = [];
  const note = (...line: unknown[]) => void lines.push(line);
  const app = createHooksApp(createHooks({ logger: silentLogger }), {
    auth: false,
    logger: { debug: note, info: note, warn: note, error: note },
    onError: note,
  });
  let arrived = (): void => {};
  const server = await serve((request) => {
    arrived();
    return app.fetch(request);
  });
  const starts = ["content-length: 5000\r\n\r\n{", "transfer-encoding: chunked\r\n\r\n1\r\n{"];
  try {
    for (const start of starts) {
      const request = new Promise<void>((resolve) => arrived = resolve);
      const socket = connect(server.port, "127.0.0.1");
      socket.on("error", () => {});
      socket.write(
        `POST /events HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n${start}`,
      );
      await inTime("the request", request);
      socket.destroy();
    }
    await until(() => lines.length >= starts.length, () => `two lines: ${JSON.stringify(lines)}`);
  } finally {
    await server.stop();
  }
  for (const [message, fields] of lines) {
    const { status, problem } = fields as { readonly status: number; readonly problem: string };
    assert.deepEqual([message, status, problem], ["request", 400, "body_incomplete"]);
  }
});

test("a body over the limit gets a 413", () =>
  withServer(async ({ port }) => {
    const said = `POST /events HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n` +
      `content-length: 99999999\r\n\r\n`;
    assert.equal(status(await talk(port, [said], whole)), 413);
  }));

test("two requests in one packet get responses in order", () =>
  withServer(async ({ port, received }) => {
    const [one, two] = [1, 2].map((data) => JSON.stringify({ type: "a", data }));
    const responses = await talk(
      port,
      [post(one!) + post(two!)],
      (text) => text.split("receipts").length > 2,
    );
    assert.equal(responses.split("HTTP/1.1 202").length, 3);
    assert.deepEqual(received, [1, 2]);
  }));

test("no input becomes a response header", () =>
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

test("events are streamed over a socket, and Last-Event-ID resumes", () =>
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
