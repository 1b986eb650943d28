/**
 * Commits a sum over KV Connect, with a check or without one, and prints the result and what is stored
 * then. A program of its own, as Deno's client writes what it meets to standard error.
 * @module
 */
import { openStore } from "@omniagent/hooks/kv";

const [url, checked] = Deno.args;
const store = await openStore(url);
const commit = store.atomic().sum(["a"], 1n);
if (checked === "checked") commit.check({ key: ["a"], versionstamp: null });
const { ok } = await commit.commit();
console.log(JSON.stringify({ ok, value: String((await store.get(["a"])).value) }));
store.close();
