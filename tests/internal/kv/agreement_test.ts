/**
 * The KV Connect server of the tests and a real denokv respond alike: each line is sent to the one, and to
 * the other when there is one.
 * @module
 */
import assert from "node:assert/strict";
import { openStore } from "@omniagent/hooks/kv";
import { test } from "../../support/harness.ts";
import { denokvUrl, hasDenokv, TOKEN } from "../../support/kv_connect/denokv.ts";
import { startKvConnect } from "../../support/kv_connect/server.ts";
import { bytes, concat } from "../../support/kv_connect/wire.ts";
import { emptied } from "../../support/kv_connect/clients.ts";
import { check, connect, mutate, range, type RawClient, set, u64, value } from "./raw_client.ts";

type Probe = readonly [
  what: string,
  path: "snapshot_read" | "atomic_write",
  body: Uint8Array,
  expected: string,
];

const many = (count: number, part: (n: number) => Uint8Array): Uint8Array =>
  concat(...Array.from({ length: count }, (_, n) => part(n)));
const erase = (count: number) => many(count, (n) => mutate(`m${n}`, 2));
const long = (length: number) => "x".repeat(length);
const past = Date.now() - 10_000;

/** In this order, on a database that is empty at first. */
const probes: readonly Probe[] = [
  ["a set", "atomic_write", set("a"), "ok 10"],
  ["a read", "snapshot_read", range("a", 10), "a=78/3"],
  ["two ranges", "snapshot_read", concat(range("a", 1), range("b", 1)), "a=78/3; "],
  ["no range", "snapshot_read", new Uint8Array(), ""],
  ["the limit 0", "snapshot_read", range("a", 0), "400"],
  ["the limit 1000", "snapshot_read", range("a", 1000), "a=78/3"],
  ["the limit 1001", "snapshot_read", range("a", 1001), "400"],
  ["limits of 1001 together", "snapshot_read", concat(range("a", 1000), range("a", 1)), "400"],
  ["ten ranges", "snapshot_read", many(10, () => range("z", 1)), "; ; ; ; ; ; ; ; ; "],
  ["eleven ranges", "snapshot_read", many(11, () => range("z", 1)), "400"],
  ["a range from a key of 2049 bytes", "snapshot_read", range(long(2047), 1), ""],
  ["a range from a key of 2050 bytes", "snapshot_read", range(long(2048), 1), "400"],
  ["a check that holds", "atomic_write", concat(check("n"), set("n")), "ok 10"],
  ["a check that fails", "atomic_write", concat(check("n"), set("n")), "check failed"],
  ["another versionstamp", "atomic_write", check("n", "00".repeat(10)), "check failed"],
  ["a versionstamp of 3 bytes", "atomic_write", check("n", "000000"), "400"],
  ["a check of a key of 2049 bytes", "atomic_write", check(long(2047)), "ok 10"],
  ["a check of a key of 2050 bytes", "atomic_write", check(long(2048)), "400"],
  ["ten checks", "atomic_write", many(10, (n) => check(`c${n}`)), "ok 10"],
  ["eleven checks", "atomic_write", many(11, (n) => check(`c${n}`)), "400"],
  ["nothing", "atomic_write", new Uint8Array(), "ok 10"],
  ["1000 changes", "atomic_write", erase(1000), "ok 10"],
  ["1001 changes", "atomic_write", erase(1001), "400"],
  ["a key of 2048 bytes", "atomic_write", mutate(long(2046), 2), "ok 10"],
  ["a key of 2049 bytes", "atomic_write", mutate(long(2047), 2), "400"],
  ["a value of 64 KiB", "atomic_write", set("v", long(65_536)), "ok 10"],
  ["a value of a byte more", "atomic_write", set("v", long(65_537)), "400"],
  ["768,000 bytes", "atomic_write", many(12, () => set("v", long(64_000))), "ok 10"],
  ["832,000 bytes", "atomic_write", many(13, () => set("v", long(64_000))), "400"],
  ["a delete", "atomic_write", mutate("v", 2), "ok 10"],
  ["one key set twice", "atomic_write", concat(set("t", "1"), set("t", "2")), "ok 10"],
  ["a sum of nothing yet", "atomic_write", mutate("s", 3, u64(5n)), "ok 10"],
  ["a sum beyond 2^64", "atomic_write", mutate("s", 3, u64(2n ** 64n - 1n)), "ok 10"],
  [
    "a set, then a sum that fails",
    "atomic_write",
    concat(set("q"), mutate("a", 3, u64(1n))),
    "400",
  ],
  ["its set, which was applied", "snapshot_read", range("q", 1), "q=78/3"],
  ["a sum of bytes", "atomic_write", mutate("s", 3, value("12345678")), "400"],
  ["a set without a value", "atomic_write", mutate("w", 1), "400"],
  ["a mutation that there is not", "atomic_write", mutate("w", 7, u64(1n)), "400"],
  ["an encoding that there is not", "atomic_write", mutate("w", 1, value("w", 7)), "500"],
  ["a queue", "atomic_write", bytes(3, bytes(1, new Uint8Array(3))), "400"],
  ["what is no commit", "atomic_write", new Uint8Array([255, 255, 255]), "400"],
  ["what expired 10 s ago", "atomic_write", mutate("past", 1, value("p"), past), "ok 10"],
  ["it, which is still there", "snapshot_read", range("past", 1), "past=70/3"],
  ["a check that it is gone", "atomic_write", check("past"), "check failed"],
  [
    "all",
    "snapshot_read",
    range("", 9),
    "a=78/3 n=78/3 past=70/3 q=78/3 s=0400000000000000/2 t=32/3",
  ],
  ["all, backwards", "snapshot_read", range("", 2, 1), "t=32/3 s=0400000000000000/2"],
];

async function responses(client: RawClient): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const [what, path, body] of probes) found[what] = await client.call(path, body);
  return found;
}

/** Requests that are rejected before they are read. */
async function rejections({ call, ask }: RawClient, token: string) {
  const post = (body: string, authorization = `Bearer ${token}`) =>
    ask("/", { method: "POST", body, headers: { authorization } });
  const read = (headers: Record<string, string>) => call("snapshot_read", range("a", 1), headers);
  return {
    "another token": await read({ authorization: "Bearer another" }),
    "no token": await read({ authorization: "" }),
    "another database": await read({ "x-denokv-database-id": crypto.randomUUID() }),
    "another version": await read({ "x-denokv-version": "4" }),
    "metadata": await post('{"supportedVersions":[1,2,3,4]}'),
    "metadata by another token": await post('{"supportedVersions":[3]}', "Bearer another"),
    "metadata of no known version": await post('{"supportedVersions":[1]}'),
    "metadata without versions": await post(""),
    "a GET": await ask("/", {}),
    "another path": await ask("/v9/snapshot_read", { method: "POST" }),
  };
}

const rejected = {
  "another token": "401",
  "no token": "401",
  "another database": "400",
  "another version": "400",
  "metadata": 200,
  "metadata by another token": 401,
  "metadata of no known version": 400,
  "metadata without versions": 400,
  "a GET": 405,
  "another path": 404,
};
const expected = Object.fromEntries(probes.map(([what, , , expected]) => [what, expected]));

test("the KV Connect server of the tests responds like denokv", async () => {
  const server = startKvConnect();
  try {
    const client = await connect(server.url, TOKEN);
    assert.deepEqual(await responses(client), expected);
    assert.deepEqual(await rejections(client, TOKEN), rejected);
  } finally {
    await server.close();
  }
});

if (hasDenokv("the responses of a real denokv")) {
  test("denokv responds like the KV Connect server of the tests", async () => {
    (await emptied(await openStore(denokvUrl))).close();
    const client = await connect(denokvUrl!, TOKEN);
    assert.deepEqual(await responses(client), expected);
    assert.deepEqual(await rejections(client, TOKEN), rejected);
  });
}
