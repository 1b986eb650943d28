/**
 * `PostgresStore` through `pg` with a server that ends connections at the worst moments.
 * @module
 */
import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import { PostgresStore } from "@omniagent/hooks/postgres";
import pg from "pg";
import { test } from "../support/harness.ts";

/** A message of the protocol: a letter, a length, a body. */
function message(letter: string, body: Uint8Array | string): Uint8Array {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const all = new Uint8Array(5 + bytes.length);
  all[0] = letter.charCodeAt(0);
  new DataView(all.buffer).setUint32(1, 4 + bytes.length);
  all.set(bytes, 5);
  return all;
}

const CONNECTED = [message("R", new Uint8Array(4)), message("Z", "I")];
const ENDED = message(
  "E",
  "SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0",
);
const DONE = [message("C", "DO\0"), message("Z", "I")];

function join(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

/** Starts a server: `onConnection` gets each connection and its number, from 1. */
async function start(onConnection: (socket: Socket, n: number) => void) {
  let count = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    onConnection(socket, ++count);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { readonly port: number };
  const pool = new pg.Pool({ host: "127.0.0.1", port, user: "test", database: "test", max: 3 });
  pool.on("error", () => {});
  const store = new PostgresStore(pool);
  return {
    store,
    count: () => count,
    async close(): Promise<void> {
      store.close();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await pool.end();
    },
  };
}

test("a session that ends while it is opened is opened again", async () => {
  let onReopened = () => {};
  const reopened = new Promise<void>((resolve) => onReopened = resolve);
  const { store, close } = await start((socket, n) => {
    if (n === 2) onReopened();
    // One packet: `pg` reads both messages before any promise continues.
    socket.once("data", () => socket.end(join(...CONNECTED, ENDED)));
  });
  try {
    const stop = store.wake.listen(() => {});
    await reopened;
    stop();
  } finally {
    await close();
  }
});

test("migrate() is repeated when its connection ends", async () => {
  const { store, count, close } = await start((socket, n) => {
    socket.once("data", () => {
      socket.write(join(...CONNECTED));
      socket.on("data", (data: Uint8Array) => {
        if (data[0] !== "Q".charCodeAt(0)) return;
        if (n === 1) socket.end(ENDED);
        else socket.write(join(...DONE));
      });
    });
  });
  try {
    await store.migrate();
    assert.equal(count(), 2);
  } finally {
    await close();
  }
});
