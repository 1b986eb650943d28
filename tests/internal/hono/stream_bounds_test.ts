import assert from "node:assert/strict";
import { makeFolder } from "../../support/folder.ts";
import { test } from "../../support/harness.ts";
import { until } from "../../support/until.ts";
import { startInstance } from "./instances.ts";
import { StalledReader } from "./readers.ts";

const READERS = 90;
const STALLED = 10;
const EVENTS = 28;
const SIZE = 240 * 1024;
const MIB = 1024 * 1024;

/** What a stream begins with, and the id of its place. */
const HEAD = "retry: 2000\n: connected\nid: \n\n".length + 36;
/** An event of `SIZE`: its id, twice, and its time are of the same length in all. */
const EVENT = SIZE + 2 * 36 + "2026-04-22T10:30:00.000Z".length +
  'id: \ndata: {"id":"","type":"tool.custom","timestamp":"","data":""}\n\n'.length;

/** Counts the events of a stream by their bytes: over HTTP/1.0 they are all that follows the headers. */
async function countEvents(port: number, path: string, count: (events: number) => void) {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new TextEncoder().encode(`GET ${path} HTTP/1.0\r\nhost: a\r\n\r\n`));
  const read = async () => {
    const buffer = new Uint8Array(512 * 1024);
    let bytes: number | undefined;
    for (;;) {
      const length = await connection.read(buffer).catch(() => null);
      if (length === null) return;
      if (bytes === undefined) {
        const headers = new TextDecoder("latin1").decode(buffer.subarray(0, length));
        bytes = -headers.indexOf("\r\n\r\n") - 4 - HEAD;
      }
      bytes += length;
      count(bytes / EVENT);
    }
  };
  return { connection, done: read() };
}

test(`of 100 readers of ${EVENTS * SIZE / 1024 / 1024} MiB, only the 10 that never read get an overflow event`, async () => {
  const { folder, remove } = await makeFolder();
  const server = await startInstance(`${folder}/hooks.db`);
  const base = `http://127.0.0.1:${server.port}`;
  const counts = Array<number>(READERS).fill(-1);
  const memory = async () => (await (await fetch(`${base}/memory`)).json() as { rss: number }).rss;
  const stalled = Array.from(
    { length: STALLED },
    () => new StalledReader(server.port, "/hooks/events/stream"),
  );
  try {
    const reading = await Promise.all(
      counts.map((_, n) =>
        countEvents(server.port, "/hooks/events/stream", (it) => counts[n] = it)
      ),
    );
    await Promise.all(stalled.map((reader) => reader.requested()));
    await until(() => counts.every((count) => count === 0), () => "not all are connected");
    const before = await memory();
    let most = before;
    const data = "x".repeat(SIZE);
    for (let n = 0; n < EVENTS; n++) {
      await server.post(data);
      most = Math.max(most, await memory());
      await until(
        () => counts.every((count) => count >= n - 2),
        () => `${Math.min(...counts)} of ${n}`,
      );
    }
    await until(() => counts.every((count) => count === EVENTS), () => `${Math.min(...counts)}`);
    const ends = await Promise.all(stalled.map((reader) => reader.readToEnd()));
    for (const text of ends) {
      assert.match(text.slice(-200), /event: overflow\ndata: \{"code":"overflow"\}\n\n/);
      assert.ok(
        text.split("\nid: ").length - 1 < EVENTS,
        "it was closed though it had got everything",
      );
    }
    const grown = (most - before) / MIB;
    console.log(
      `${READERS} readers got ${EVENTS} events of ${
        SIZE / 1024
      } KiB each, ${STALLED} were message and ` +
        `closed; the server grew by ${grown.toFixed(0)} MiB at most`,
    );
    assert.ok(grown < 400, `${grown} MiB`);
    for (const { connection, done } of reading) {
      connection.close();
      await done;
    }
  } finally {
    stalled.forEach((reader) => reader.close());
    await server.kill();
    await remove();
  }
});
