import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { type ReceiverStep, WebhookReceiver } from "@omniagent/hooks/testing";
import { test } from "../support/harness.ts";

/** Runs a test against a receiver, which is closed at the end. */
async function withReceiver(
  script: readonly ReceiverStep[],
  run: (receiver: WebhookReceiver) => Promise<void>,
): Promise<void> {
  const receiver = await WebhookReceiver.start(...script);
  try {
    await run(receiver);
  } finally {
    await receiver.close();
  }
  const { openConnections, activeRequests } = receiver.stats;
  assert.deepEqual({ openConnections, activeRequests }, { openConnections: 0, activeRequests: 0 });
}

function send(receiver: WebhookReceiver, init: RequestInit = {}, path = ""): Promise<Response> {
  return fetch(receiver.url + path, { method: "POST", body: "{}", ...init });
}

async function status(receiver: WebhookReceiver): Promise<number> {
  const response = await send(receiver);
  await response.body?.cancel();
  return response.status;
}

/** Sends bytes over a bare socket. Resolves to what came back until the connection closed. */
function sendBytes(
  receiver: WebhookReceiver,
  bytes: string,
  onText: (reply: string, socket: Socket) => void = () => {},
): Promise<string> {
  return new Promise((resolve) => {
    let reply = "";
    const socket: Socket = connect(Number(new URL(receiver.url).port), "127.0.0.1");
    socket.setEncoding("latin1");
    socket.on("data", (text) => onText(reply += text, socket));
    socket.on("error", (error: Error & { code?: string }) => reply += `<${error.code}>`);
    socket.on("close", () => resolve(reply));
    socket.write(bytes);
  });
}

const HOST = "\r\nHost: 127.0.0.1";
const BYE = `${HOST}\r\nconnection: close\r\n\r\n`;

test("start() rejects numbers that are out of range", async () => {
  const steps = [
    { times: 0 },
    { delay: -1 },
    { status: 101 },
    { status: NaN },
    { chunkSize: 0 },
    { chunkDelay: -1 },
  ];
  for (const step of steps) {
    await assert.rejects(() => WebhookReceiver.start({}, step), RangeError);
  }
});

test("it responds 4xx to malformed requests, and records nothing", () =>
  withReceiver([], async (receiver) => {
    const bad = [
      "hello\r\n\r\n",
      `GET / HTTP/2${BYE}`,
      `GET / HTTP/1.1\r\nno header${BYE}`,
      `POST / HTTP/1.1\r\ncontent-length: -1${BYE}`,
      `POST / HTTP/1.1\r\ncontent-length: 999999999999${BYE}`,
      `POST / HTTP/1.1\r\ntransfer-encoding: chunked${BYE}xyz\r\n`,
      `GET / HTTP/1.1${`\r\na: ${"b".repeat(1000)}`.repeat(20)}${BYE}`,
    ];
    for (const bytes of bad) {
      assert.match(await sendBytes(receiver, bytes), /^HTTP\/1\.1 4\d\d /, bytes.slice(0, 80));
    }
    assert.equal(receiver.requests.length, 0);
  }));

test("waitFor() rejects with everything that was recorded", () =>
  withReceiver([], async (receiver) => {
    await send(receiver, { headers: { "x-hook": "h-1" }, body: "payload-1" }, "a?b=c")
      .then((response) => response.text());
    await assert.rejects(receiver.waitFor(2, { timeout: 1 }), (error: Error) => {
      for (const part of ["2 requests", "1. POST /a?b=c", "h-1", "payload-1", "connections"]) {
        assert(error.message.includes(part), `${part} is not in: ${error.message}`);
      }
      return true;
    });
    await assert.rejects(
      receiver.waitFor(({ stats }) => stats.abandoned > 0, { timeout: 1 }),
      /stats\.abandoned > 0/,
    );
  }));

test("it records requests: method, path, headers, body bytes, order", () =>
  withReceiver([], async (receiver) => {
    const body = new Uint8Array([0, 255, 10, 13]);
    const before = Date.now();
    await send(receiver, { method: "PUT", headers: { "X-A": "1" }, body }, "x/y?z=1")
      .then((response) => response.text());
    await send(receiver, { body: '{"a":"ü"}' }).then((response) => response.text());
    await receiver.waitFor(2);
    const [first, second] = receiver.requests;
    assert.equal(first?.method, "PUT");
    assert.equal(first?.path, "/x/y?z=1");
    assert.equal(first?.headers.get("x-a"), "1");
    assert.deepEqual(first?.body, body);
    assert(first.receivedAt.getTime() >= before);
    assert.deepEqual([first.number, second?.number], [1, 2]);
    assert.equal(second?.text(), '{"a":"ü"}');
    assert.deepEqual(second?.json(), { a: "ü" });
  }));

test("it accepts several requests on one connection, with chunked bodies too", () =>
  withReceiver([], async (receiver) => {
    const rest = [
      `POST /2 HTTP/1.1${HOST}\r\ntransfer-encoding: chunked\r\n\r\n` +
      "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
      `GET /3 HTTP/1.1${BYE}`,
    ];
    const first = `POST /1 HTTP/1.1${HOST}\r\nContent-Length: 2\r\n\r\nhi`;
    const reply = await sendBytes(receiver, first, (text, socket) => {
      if (text.endsWith("ok") && rest.length > 0) socket.write(rest.shift()!);
    });
    assert.equal(reply.match(/HTTP\/1\.1 200/g)?.length, 3);
    assert.deepEqual(receiver.requests.map(({ path, text }) => [path, text()]), [
      ["/1", "hi"],
      ["/2", "abcde"],
      ["/3", ""],
    ]);
    assert.equal(receiver.stats.connections, 1);
  }));

test("it accepts a body of a megabyte", () =>
  withReceiver([], async (receiver) => {
    const body = new Uint8Array(1_048_576).fill(7);
    await send(receiver, { body }).then((response) => response.text());
    assert.deepEqual(receiver.requests[0]?.body, body);
  }));

test("a script responds step by step, and its last step repeats", () =>
  withReceiver([{ status: 500, times: 2 }, { status: 429 }, { status: 204 }], async (receiver) => {
    const statuses = [];
    for (let i = 0; i < 6; i++) statuses.push(await status(receiver));
    assert.deepEqual(statuses, [500, 500, 429, 204, 204, 204]);
    receiver.respond({ status: 410 });
    assert.equal(await status(receiver), 410);
  }));

test("a step can be a function of the request, and a 500 is sent if it throws", () =>
  withReceiver([
    ({ path }) => ({ status: path === "/a" ? 201 : 202 }),
    () => Promise.resolve({ status: 203 }),
    () => {
      throw new Error("oops");
    },
    () => ({ chunkSize: 0 }),
  ], async (receiver) => {
    const responses: Response[] = [];
    for (const path of ["a", "", "", ""]) responses.push(await send(receiver, {}, path));
    assert.deepEqual(responses.map((response) => response.status), [201, 203, 500, 500]);
    const texts = await Promise.all(responses.map((response) => response.text()));
    assert.match(texts[2]!, /oops/);
    assert.match(texts[3]!, /'chunkSize' must be/);
  }));

test("it sends status, headers and body, and echoes headers", () =>
  withReceiver([
    { status: 418, headers: { "webhook-delivery": "disable" }, body: "tea" },
    { echo: true },
  ], async (receiver) => {
    const first = await send(receiver);
    assert.equal(first.status, 418);
    assert.equal(first.headers.get("webhook-delivery"), "disable");
    assert.equal(await first.text(), "tea");
    const second = await send(receiver, { headers: { authorization: "Bearer s3cret" } });
    assert.equal((await second.json() as Record<string, string>).authorization, "Bearer s3cret");
  }));

test("it redirects, and a target counts the requests that follow", () =>
  withReceiver([], (elsewhere) =>
    withReceiver([{ redirect: elsewhere.url }], async (receiver) => {
      const response = await send(receiver, { redirect: "manual" });
      await response.body?.cancel();
      assert.equal(response.status, 302);
      assert.equal(response.headers.get("location"), elsewhere.url);
      assert.equal(elsewhere.requests.length, 0);
      await send(receiver).then((followed) => followed.text());
      assert.equal(elsewhere.requests.length, 1);
    })));

test("it sends retry-after, in seconds or as a date", () =>
  withReceiver([
    { retryAfter: 5 },
    { retryAfter: new Date("2026-04-22T10:30:00Z"), status: 429 },
    { headers: { "retry-after": "soon" } },
  ], async (receiver) => {
    const results: unknown[] = [];
    for (let i = 0; i < 3; i++) {
      const response = await send(receiver);
      await response.body?.cancel();
      results.push([response.status, response.headers.get("retry-after")]);
    }
    assert.deepEqual(results, [
      [503, "5"],
      [429, "Wed, 22 Apr 2026 10:30:00 GMT"],
      [200, "soon"],
    ]);
  }));

test("a response is held before its headers until it is released", () =>
  withReceiver([{ hold: "headers" }], async (receiver) => {
    let responded = 0;
    const responses = [1, 2].map(async () => {
      const response = await send(receiver);
      responded++;
      return await response.text();
    });
    await receiver.waitFor(2);
    assert.equal(responded, 0);
    assert.equal(receiver.stats.activeRequests, 2);
    receiver.release();
    assert.deepEqual(await Promise.all(responses), ["ok", "ok"]);
    assert.equal(receiver.stats.maxActiveRequests, 2);
  }));

test("a response is held in its body until it is released", () =>
  withReceiver([{ hold: "body", body: "abcdef" }], async (receiver) => {
    const response = await send(receiver); // the headers are there
    await receiver.waitFor(({ stats }) => stats.bodyBytes === 3);
    const text = response.text();
    receiver.release();
    assert.equal(await text, "abcdef");
  }));

test("a client that disconnects from a held response is counted", () =>
  withReceiver([{ hold: "headers" }], async (receiver) => {
    const controller = new AbortController();
    const reply = send(receiver, { signal: controller.signal });
    await receiver.waitFor(1);
    controller.abort();
    await assert.rejects(reply, { name: "AbortError" });
    await receiver.waitFor(({ stats }) => stats.abandoned === 1);
  }));

test("a body arrives slowly, chunk by chunk", () =>
  withReceiver([{ body: "abcdef", chunkSize: 2, chunkDelay: 1, delay: 1 }], async (receiver) => {
    assert.equal(await send(receiver).then((response) => response.text()), "abcdef");
    assert.equal(receiver.stats.bodyBytes, 6);
  }));

test("an endless body continues until the client disconnects, and does not outrun it", () =>
  withReceiver([{ endless: true }], async (receiver) => {
    const response = await send(receiver);
    const reader = response.body!.getReader();
    let read = 0;
    while (read < 65_536) read += (await reader.read()).value?.length ?? 0;
    await reader.cancel();
    await receiver.waitFor(({ stats }) => stats.abandoned === 1);
    const { bodyBytes } = receiver.stats;
    assert(bodyBytes >= read, `${bodyBytes} sent, ${read} read`);
    assert(bodyBytes < 33_554_432, `${bodyBytes} sent to a client that read ${read}`);
  }));

for (const moment of ["headers", "body"] as const) {
  test(`a client sees a reset at the ${moment} as a network error`, () =>
    withReceiver([{ reset: moment, body: "abcdef" }], async (receiver) => {
      await assert.rejects(send(receiver).then((response) => response.text()), TypeError);
      assert.equal(receiver.stats.abandoned, 0);
    }));

  test(`a client sees a connection that is closed at the ${moment} as a network error`, () =>
    withReceiver([{ close: moment, body: "abcdef" }], async (receiver) => {
      await assert.rejects(send(receiver).then((response) => response.text()), TypeError);
      const reply = await sendBytes(receiver, `GET / HTTP/1.1${BYE}`);
      if (moment === "headers") assert.equal(reply, "");
      else assert.match(reply, /^HTTP\/1\.1 200 .*content-length: 6\r\n.*\r\nabc$/s);
      assert.equal(receiver.stats.abandoned, 0);
    }));
}

test("a reset reaches the client as ECONNRESET, once it has read the data before", () =>
  withReceiver([{ hold: "body", reset: "body", body: "abcdef" }], async (receiver) => {
    // Node reports a reset that comes with data as an end: hence the hold until the data was read.
    const reply = await sendBytes(receiver, `GET / HTTP/1.1${BYE}`, (text) => {
      if (text.endsWith("abc")) receiver.release();
    });
    assert.match(reply, /abc<ECONNRESET>$/);
  }));

test("close() cuts held, slow, endless and idle connections, and can be called twice", async () => {
  const steps: readonly ReceiverStep[] = [
    { hold: "headers" },
    { hold: "body" },
    { delay: 3_600_000 },
    { body: "ab", chunkSize: 1, chunkDelay: 3_600_000 },
    { endless: true },
    () => new Promise(() => {}),
    {},
  ];
  const receiver = await WebhookReceiver.start(...steps);
  const responses = steps.map(() => send(receiver).then((response) => response.text()));
  const outcomes = Promise.allSettled(responses);
  await receiver.waitFor(steps.length);
  await receiver.waitFor(({ stats }) => stats.activeRequests === steps.length - 1);
  await Promise.all([receiver.close(), receiver.close()]);
  await receiver.close();
  const settled = (await outcomes).map(({ status }) => status);
  assert.equal(settled.filter((outcome) => outcome === "fulfilled").length, 1);
  assert.equal(receiver.stats.openConnections, 0);
  await assert.rejects(send(receiver), TypeError);
});

test("responses without content have no body", () =>
  withReceiver([{ status: 204, body: "x" }, { status: 304 }, {}], async (receiver) => {
    const reply = await sendBytes(
      receiver,
      `GET / HTTP/1.1${HOST}\r\n\r\n`.repeat(2) + `HEAD / HTTP/1.1${BYE}`,
    );
    assert.equal(
      reply.replaceAll(/(?:connection|keep-alive): .*\r\n/gi, ""),
      "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    );
  }));
