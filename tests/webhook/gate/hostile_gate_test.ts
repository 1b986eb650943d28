/**
 * A hostile gate server, which writes bytes: nothing of what it does lets a call through.
 * @module
 */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { generateSecret, signWebhook, type WebhookGateOptions } from "@omniagent/hooks/webhook";
import { test } from "../../support/harness.ts";
import { type RawRequest, responseBytes, withRawServer } from "../../support/raw_server.ts";
import { CALL, gated } from "./helpers.ts";

const ALLOW = '{"decision":"allow"}';
const secret = generateSecret();

type Behavior = (request: RawRequest, socket: Socket) => void;

/** Runs a call against a server, and returns how its gate failed. The tool must not run. */
async function failureOf(
  behavior: Behavior,
  options: Partial<WebhookGateOptions> = {},
): Promise<string> {
  let failure = "";
  await withRawServer(behavior, async (url) => {
    const { hooks, last } = gated({ url, secret, timeout: 2_000, ...options });
    const run = (): never => assert.fail("the tool ran");
    const result = await hooks.call("bash", CALL.params, run) as { readonly denied: boolean };
    assert.equal(result.denied, true);
    failure = last().failure ?? `none: ${last().verdict}`;
    await hooks.close();
  });
  return failure;
}

const respondWith = (
  status: number,
  headers: readonly string[] = [],
  body: string | Uint8Array = ALLOW,
): Behavior =>
(_, socket) => {
  const length = `content-length: ${body.length}`;
  socket.write(responseBytes(status, [...headers, length], body));
};

const gzip = (body: string): Behavior =>
  respondWith(200, ["content-encoding: gzip"], gzipSync(body));

const behaviors: readonly (readonly [string, Behavior, RegExp, Partial<WebhookGateOptions>?])[] = [
  ["never responds", () => {}, /timeout/, { timeout: 100 }],
  ["drips a verdict, byte by byte", (_, socket) => drip(socket), /timeout/, { timeout: 300 }],
  ["sends an endless body", (_, socket) => flood(socket), /too_large/],
  ["declares a huge body", respondWith(200, ["x: y"], new Uint8Array(2 ** 20 + 1)), /too_large/],
  ["compresses a verdict", gzip(ALLOW), /invalid|unreachable/],
  ["sends a gzip bomb", gzip(" ".repeat(50_000_000) + ALLOW), /invalid|too_large|unreachable/],
  ["sends no JSON", respondWith(200, [], "allow"), /invalid/],
  ["sends a list", respondWith(200, [], `[${ALLOW}]`), /invalid/],
  ["invents a decision", respondWith(200, [], '{"decision":"yes"}'), /invalid/],
  [
    "sends a key twice",
    respondWith(200, [], '{"decision":"deny","decision":"allow"}'),
    /invalid/,
  ],
  ["redirects to itself", respondWith(307, ["location: /"]), /status/],
  ["redirects with 303", respondWith(303, ["location: /"]), /status/],
  ["responds with 500", respondWith(500), /status/],
  ["responds with 401", respondWith(401), /status/],
  ["resets the connection", (_, socket) => void socket.resetAndDestroy(), /unreachable/],
  ["closes the connection", (_, socket) => void socket.end(), /unreachable/],
  ["speaks no HTTP", (_, socket) => void socket.end("SSH-2.0-OpenSSH_9.6\r\n"), /unreachable/],
  [
    "sends two lengths",
    (_, socket) =>
      void socket.end(responseBytes(200, ["content-length: 0", "content-length: 20"], ALLOW)),
    /unreachable|invalid/,
    { verifyResponse: true },
  ],
  [
    "sends an empty response of unknown length",
    (_, socket) => void socket.end(responseBytes(200, ["connection: close"])),
    /invalid/,
  ],
  [
    "sends an empty response in an unknown transfer-encoding",
    (_, socket) => void socket.end(responseBytes(200, ["transfer-encoding: identity"])),
    /invalid|unreachable/,
  ],
  [
    "resets the content",
    (_, socket) => void socket.end(responseBytes(205, ["connection: close"])),
    /invalid/,
  ],
  ["doesn't sign", respondWith(200), /invalid/, { verifyResponse: true }],
  [
    "doesn't sign that it has no opinion",
    (_, socket) => {
      socket.write(responseBytes(204, []));
    },
    /invalid/,
    { verifyResponse: true },
  ],
  [
    "repeats the headers of the request",
    ({ headers }, socket) => {
      const names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
      const echo = names.map((name) => `${name}: ${headers[name]}`);
      respondWith(200, echo)({ path: "", headers, body: "" }, socket);
    },
    /invalid/,
    { verifyResponse: true },
  ],
  [
    "repeats the request",
    ({ headers, body }, socket) => {
      const names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
      const echo = names.map((name) => `${name}: ${headers[name]}`);
      respondWith(200, echo, new TextEncoder().encode(body))({ path: "", headers, body }, socket);
    },
    /invalid/,
    { verifyResponse: true },
  ],
  ["signs for another decision", (_, socket) => void signed("another", socket), /invalid/, {
    verifyResponse: true,
  }],
];

for (const [what, behavior, expected, options] of behaviors) {
  test(`a gate server that ${what} lets no call through`, async () => {
    assert.match(await failureOf(behavior, options), expected);
  });
}

test("a response that was signed for an earlier decision lets no other call through", async () => {
  let recorded: Uint8Array | undefined;
  await withRawServer(({ headers }, socket) => {
    if (recorded !== undefined) return void socket.write(recorded);
    void signWebhook(ALLOW, { id: headers["webhook-id"]!, secret }).then((signature) => {
      const lines = Object.entries(signature).map(([name, value]) => `${name}: ${value}`);
      recorded = responseBytes(200, [...lines, `content-length: ${ALLOW.length}`], ALLOW);
      socket.write(recorded);
    });
  }, async (url) => {
    const { hooks, decide, last } = gated({ url, secret, verifyResponse: true });
    assert.equal((await decide()).decision, "allow", last().internal);
    assert.deepEqual([(await decide()).decision, last().failure], ["deny", "invalid"]);
    await hooks.close();
  });
});

const chunked = `${ALLOW.length.toString(16)}\r\n${ALLOW}\r\n0\r\n\r\n`;
const CLOSING = ["transfer-encoding: chunked", "connection: close"];
const responses: readonly (readonly [string, Uint8Array])[] = [
  ["of a known length", responseBytes(200, [`content-length: ${ALLOW.length}`], ALLOW)],
  ["in chunks", responseBytes(200, ["transfer-encoding: chunked"], chunked)],
  ["until the connection closes", responseBytes(200, ["connection: close"], ALLOW)],
  ["of no chunks", responseBytes(200, ["transfer-encoding: chunked"], "0\r\n\r\n")],
  ["of no chunks, which closes", responseBytes(200, CLOSING, "0\r\n\r\n")],
];

for (const [what, whole] of responses) {
  test(`a response ${what} that is cut at any byte lets no call through`, async () => {
    // The last chunk carries nothing: what is before it is whole. Without others, nothing is.
    const end = whole.length - (what === "in chunks" ? "0\r\n\r\n".length : 0);
    const cut = (length: number): Behavior => (_, socket) => {
      socket.write(whole.subarray(0, length), () => void socket.end());
    };
    for (let length = 0; length < end; length++) {
      const failure = await failureOf(cut(length));
      assert.match(failure, /unreachable|invalid/, `cut at ${length}`);
    }
  });
}

function drip(socket: Socket): void {
  const bytes = responseBytes(200, [`content-length: ${ALLOW.length}`], ALLOW);
  let at = 0;
  const timer = setInterval(() => {
    if (at < bytes.length) socket.write(bytes.subarray(at, ++at));
  }, 20);
  socket.on("close", () => clearInterval(timer));
}

function flood(socket: Socket): void {
  socket.write(responseBytes(200, ["transfer-encoding: chunked"]));
  const chunk = `10000\r\n${" ".repeat(0x10000)}\r\n`;
  const more = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on("drain", more);
  more();
}

async function signed(id: string, socket: Socket): Promise<void> {
  const signature = await signWebhook(ALLOW, { id, secret });
  const lines = Object.entries(signature).map(([name, value]) => `${name}: ${value}`);
  socket.write(responseBytes(200, [...lines, `content-length: ${ALLOW.length}`], ALLOW));
}
