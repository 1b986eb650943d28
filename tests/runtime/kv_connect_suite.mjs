/**
 * The tests that every store passes, over the KV Connect server whose URL is given, and
 * whose token is in `DENO_KV_ACCESS_TOKEN`. Prints how many there
 * were, and those that failed.
 * @module
 */
import { argv } from "node:process";
import { openStore } from "@omniagent/hooks/node";
import { testStore } from "@omniagent/hooks/testing";

const tests = [];
testStore(openEmpty, (name, run) => tests.push({ name, run }));
const failures = [];
for (const { name, run } of tests) {
  await run().catch((error) => failures.push(`${name}: ${error.message}`));
}
console.log(JSON.stringify({ count: tests.length, failures }));

async function openEmpty() {
  const store = await openStore(argv[2]);
  for await (const { key } of store.list({ prefix: [] })) {
    await store.delete(key);
  }
  return store;
}
