/**
 * One turn of a runtime at a database that others wrote before it: prints what it reads, then writes.
 * Arguments: the entry that opens stores (`kv` or `node`), the path, and the runtime's name.
 * @module
 */
import { argv } from "node:process";

const [entry, path, name] = argv.slice(2);
const { openStore } = await import(`@omniagent/hooks/${entry}`);

const store = await openStore(path);
const found = {};
for await (const { key, value } of store.list({ prefix: ["values"] })) {
  found[key[1]] = value;
}
const { value: turns } = await store.get(["turns"]);
console.log(JSON.stringify({ found, turns: String(turns) }));

const value = {
  by: name,
  text: "Grüße, 世界! 😀\u0000\ud800\u2028 ".repeat(1000),
  long: "x".repeat(20_000),
  fields: { "ключ": [1.5, null, true, "é"] },
};
const { versionstamp } = await store.get(["values", name]);
const commit = store.atomic().check({ key: ["values", name], versionstamp })
  .sum(["turns"], 1n)
  .set(["values", name], value);
if (!(await commit.commit()).ok) throw new Error("the check failed");
store.close();
