/**
 * Bodies that are declared but not sent, on each documented host. Needs `npm ci` in tests/runtime.
 * @module
 */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { hasRuntimes } from "../../tools/packed.ts";
import { test } from "../support/harness.ts";
import { HOSTS, TOKEN, withHost } from "./hosts.ts";

const UPLOADS = 400;
/** Bytes that each upload declares: the limit of the app. */
const DECLARED = 1024 * 1024;
/** Much less than they declare together. */
const MAX_GROWTH = 100 * 1024 * 1024;
/** Longer than it takes to open them all on a busy machine, in milliseconds. */
const BODY_TIMEOUT = 3_000;

if (await hasRuntimes("uploads on Deno, Bun and Node")) {
  for (const host of HOSTS) {
    for (const path of ["/events", "/receive"]) {
      test(`on ${host} ${UPLOADS} half-sent bodies to ${path} use no memory, block no request and get 408`, () =>
        withHost(host, { bodyTimeout: BODY_TIMEOUT, limits: { waits: 10 } }, async (port) => {
          for (let i = 0; i < 20; i++) await post(port); // warm
          const before = await rss(port);
          const uploads = Array.from({ length: UPLOADS }, () => new Upload(port, path));
          try {
            await Promise.all(uploads.map((upload) => upload.begun));
            assert.equal((await post(port)).status, 202);
            const growth = await rss(port) - before;
            assert.ok(growth < MAX_GROWTH, `${growth} bytes`);
            const statuses = await Promise.all(uploads.map((upload) => upload.status));
            assert.deepEqual([...new Set(statuses)], [408]);
            assert.equal((await post(port)).status, 202);
          } finally {
            for (const upload of uploads) upload.socket.destroy();
          }
        }));
    }
  }
}

/** Declares a body, and sends only its first part. */
class Upload {
  readonly socket: Socket;
  /** Resolves when the first part was sent. */
  readonly begun: Promise<void>;
  /** The status of the response; 0 when the connection ends without one. */
  readonly status: Promise<number>;

  constructor(port: number, path: string) {
    const head = `POST ${path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n` +
      `authorization: Bearer ${TOKEN}\r\ncontent-length: ${DECLARED}\r\n\r\n`;
    this.socket = connect(port, "127.0.0.1");
    this.begun = new Promise((resolve) => {
      this.socket.on("connect", () => this.socket.write(`${head}{"type":`, () => resolve()));
    });
    this.status = new Promise((resolve) => {
      let text = "";
      const tell = (): void => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0));
      this.socket.on("data", (chunk) => {
        text += chunk.toString("latin1");
        if (text.includes("\r\n")) tell(); // Deno keeps the connection, for the rest of the body
      });
      this.socket.on("error", () => {}); // "close" follows
      this.socket.on("close", tell);
    });
  }
}

async function post(port: number): Promise<Response> {
  const response = await fetch(`http://127.0.0.1:${port}/events`, {
    method: "POST",
    headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify({ type: "order.paid", data: { total: 1 } }),
  });
  await response.body?.cancel();
  return response;
}

async function rss(port: number): Promise<number> {
  return Number(await (await fetch(`http://127.0.0.1:${port}/rss`)).text());
}
