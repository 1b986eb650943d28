import assert from "node:assert/strict";
import { StreamReader } from "../../../src/hono/_stream_reader.ts";
import { test } from "../../harness.ts";

test("a stream has heartbeats while the past is searched for what it wants", async () => {
  const reader = new StreamReader({
    wants: () => false,
    after: { versionstamp: "", id: "" },
    limit: 1024,
    isOver: () => false,
    ended: () => {},
  });
  let found!: () => void;
  const searching = new Promise<void>((resolve) => found = resolve);
  // deno-lint-ignore require-yield -- nothing is found
  const nothing = async function* () {
    await searching;
  };
  const caught = reader.catchUp(nothing());
  reader.beat();
  reader.beat();
  found();
  await caught;
  reader.end();
  const text = await new Response(reader.body).text();
  assert.equal(text.match(/: heartbeat\n\n/g)?.length, 2);
});
