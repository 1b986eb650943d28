import assert from "node:assert/strict";
import { test } from "../../harness.ts";
import { startInstance, until } from "./instances.ts";
import { DeafReader } from "./readers.ts";

const READERS = 90;
const DEAF = 10;
const EVENTS = 32;
const SIZE = 240 * 1024;
const MIB = 1024 * 1024;

/** What a stream begins with. */
const HEAD = "retry: 2000\n: connected\n\n".length;
/** An event of `SIZE`: its id, twice, and its time are of the same length in all. */
const EVENT = SIZE + 2 * 36 + "2026-04-22T10:30:00.000Z".length +
  'id: \ndata: {"id":"","type":"tool.called","timestamp":"","data":""}\n\n'.length;

/** Counts the events of a stream by their bytes. */
async function countEvents(url: string, count: (n: number) => void, signal: AbortSignal) {
  const response = await fetch(url, { signal });
  let bytes = -HEAD;
  for await (const chunk of response.body!) {
    bytes += chunk.length;
    count(bytes / EVENT);
  }
}

test(`of 100 readers 10 never read ${EVENTS * SIZE / 1024 / 1024} MiB: they are told and closed, the others get everything`, async () => {
  const folder = await Deno.makeTempDir({ prefix: "hooks_stream_" });
  const server = await startInstance(`${folder}/hooks.db`);
  const base = `http://127.0.0.1:${server.port}`;
  const abort = new AbortController();
  const counts = Array<number>(READERS).fill(-1);
  const memory = async () => (await (await fetch(`${base}/memory`)).json() as { rss: number }).rss;
  const deaf = Array.from(
    { length: DEAF },
    () => new DeafReader(server.port, "/hooks/events/stream"),
  );
  try {
    const stream = `${base}/hooks/events/stream?type=tool.*`;
    const reading = counts.map((_, n) =>
      countEvents(stream, (count) => counts[n] = count, abort.signal).catch(() => {})
    );
    await Promise.all(deaf.map((reader) => reader.asked()));
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
    const ends = await Promise.all(deaf.map((reader) => reader.readToEnd()));
    for (const text of ends) {
      assert.match(text.slice(-200), /event: overflow\ndata: \{"code":"overflow"\}\n\n/);
      assert.ok(
        text.split("\nid: ").length - 1 < EVENTS,
        "it was closed though it had got everything",
      );
    }
    const grown = (most - before) / MIB;
    console.log(
      `${READERS} readers got ${EVENTS} events of ${SIZE / 1024} KiB each, ${DEAF} were told and ` +
        `closed; the server grew by ${grown.toFixed(0)} MiB at most`,
    );
    assert.ok(grown < 400, `${grown} MiB`);
    abort.abort();
    await Promise.all(reading);
  } finally {
    abort.abort();
    deaf.forEach((reader) => reader.close());
    await server.kill();
    await Deno.remove(folder, { recursive: true });
  }
});
