import assert from "node:assert/strict";
import { StreamReader } from "../../../src/hono/stream/reader.ts";
import { test } from "../../support/harness.ts";

test("a stream sends heartbeats while no missed event matches its filter", async () => {
  const reader = new StreamReader({
    accepts: () => false,
    encode: () => new Uint8Array(),
    after: { versionstamp: "", id: "" },
    limit: 1024,
    isExpired: () => false,
    onEnd: () => {},
  });
  let found!: () => void;
  const searching = new Promise<void>((resolve) => found = resolve);
  // deno-lint-ignore require-yield -- nothing is found
  const nothing = async function* () {
    await searching;
  };
  const resumed = reader.resume(nothing());
  reader.beat();
  reader.beat();
  found();
  await resumed;
  reader.end();
  const text = await new Response(reader.body).text();
  assert.equal(text.match(/: heartbeat\n\n/g)?.length, 2);
});
