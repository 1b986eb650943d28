/// <reference lib="deno.unstable" />
/**
 * The store over Deno's own KV, which only Deno has. Needs `--unstable-kv`.
 * @module
 */
import assert from "node:assert/strict";
import { openKv } from "@deno/kv";
import { type Store, StoreLimitError } from "@omniagent/hooks/store";
import { type KvLike, KvStore, openStore } from "@omniagent/hooks/kv";
import { memoryStore, testStore } from "@omniagent/hooks/testing";
import { scopedStore } from "../../../src/store/scoped_store.ts";
import { retryLocked } from "../../../src/store/sqlite_failure.ts";
import { test } from "../../support/harness.ts";

testStore(
  () => openStore(":memory:"),
  (name, run) => test(`Deno KV in memory: ${name}`, run),
);

testStore(
  async () => openStore(await Deno.makeTempFile({ dir: folder })),
  (name, run) => test(`Deno KV on a file: ${name}`, run),
  { openShared: () => openStore(`${folder}/shared.db`) },
);
const folder = await Deno.makeTempDir();
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

testStore(
  async () => partOf(await openStore(":memory:")),
  (name, run) => test(`a hook's own part of a store over Deno KV: ${name}`, run),
);
testStore(
  () => partOf(memoryStore()),
  (name, run) => test(`a hook's part of a store in memory: ${name}`, run),
);

/** The part that a hook is given; closing it closes the whole. */
function partOf(whole: Store): Store {
  return {
    ...scopedStore(whole, ["hooks", "name"]),
    close: () => whole.close(),
  };
}

test("openStore() accepts 100 checks on a file and in memory, 10 where Deno chooses", async () => {
  for (
    const [path, checks] of [[":memory:", 100], [
      `${folder}/limits.db`,
      100,
    ]] as const
  ) {
    const store = await openStore(path);
    assert.equal(store.limits.checks, checks);
    store.close();
  }
  const program = `
    import { openStore } from ${JSON.stringify(import.meta.resolve("@omniagent/hooks/kv"))};
    const store = await openStore();
    console.log(store.limits.checks);
    store.close();`;
  const file = `${folder}/default.ts`;
  await Deno.writeTextFile(file, program);
  assert.equal(await run(file, "--unstable-kv"), "10\n");
});

/** What a program prints. Deno keeps its database of no name beside its cache, hence another one. */
async function run(file: string, ...flags: readonly string[]): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-config", ...flags, file],
    env: { DENO_DIR: `${folder}/deno`, NO_COLOR: "1" },
  }).output();
  return new TextDecoder().decode(stdout);
}

test("openStore() without --unstable-kv says how to enable Deno KV", async () => {
  const program = `
    import { openStore } from ${JSON.stringify(import.meta.resolve("@omniagent/hooks/kv"))};
    await openStore(":memory:").catch((error) => console.log(error.message));`;
  const file = `${folder}/stable.ts`;
  await Deno.writeTextFile(file, program);
  assert.equal(
    await run(file),
    `Cannot open the store: Deno KV is not enabled. Add "unstable": ["kv"] to deno.json, or run ` +
      "with --unstable-kv\n",
  );
});

test("openStore() of ./kv throws an error with a cause for a path that can't be opened", async () => {
  await assert.rejects(openStore(`${folder}/none/hooks.db`), (error: Error) => {
    assert.match(error.message, /^Cannot open the store: Deno KV failed: /);
    return error.cause instanceof Error;
  });
});

test("openStore() waits for a file that is locked", async () => {
  const descriptor = Object.getOwnPropertyDescriptor(Deno, "openKv")!;
  const { openKv } = Deno;
  let locked = 2;
  const busy: typeof openKv = (path) =>
    locked-- > 0 ? Promise.reject(new TypeError("database is locked")) : openKv(path);
  Object.defineProperty(Deno, "openKv", { configurable: true, value: busy });
  try {
    (await openStore(":memory:")).close();
    assert.equal(locked, -1);
  } finally {
    Object.defineProperty(Deno, "openKv", descriptor);
  }
});

test("a KvStore doesn't close a database that it didn't open", async () => {
  const kv = await Deno.openKv(":memory:");
  const store = new KvStore(kv);
  await store.set(["a"], 1);
  store.close();
  store.close();
  await assert.rejects(() => store.get(["a"]), {
    message: "Cannot use the store: it is closed",
  });
  assert.ok((await kv.get(["a"])).versionstamp);
  kv.close();
});

test("a KvStore whose KV was closed elsewhere throws a closed error", async () => {
  const kvs: readonly KvLike[] = [
    await Deno.openKv(":memory:"),
    await openKv(":memory:", { implementation: "in-memory" }),
  ];
  for (const kv of kvs) {
    const store = new KvStore(kv);
    kv.close();
    const expected = { name: "TypeError", message: "Cannot use the store: it is closed" };
    await assert.rejects(() => store.get(["a"]), expected);
    await assert.rejects(() => store.getMany([["a"]]), expected);
    await assert.rejects(() => store.set(["a"], 1), expected);
    await assert.rejects(() => Array.fromAsync(store.list({ prefix: [] })), expected);
  }
});

test("openStore() opens a KV that its store closes", async () => {
  const store = await openStore(":memory:"); // else the sanitizer of Deno finds it
  const list = store.list({ prefix: [] });
  store.close();
  const expected = { message: "Cannot use the store: it is closed" };
  await assert.rejects(() => store.atomic().commit(), expected);
  await assert.rejects(() => Array.fromAsync(list), expected);
});

test("a KvStore accepts the KV of Deno and that of @deno/kv", async () => {
  const kvs: readonly KvLike[] = [
    await Deno.openKv(":memory:"),
    await openKv(":memory:", { implementation: "in-memory" }),
  ];
  for (const kv of kvs) {
    const store = new KvStore(kv, { ownsKv: true });
    await store.atomic().sum(["n"], 2n).set(["a"], "é".repeat(300)).commit();
    assert.deepEqual(
      (await store.getMany([["n"], ["a"]])).map(({ value }) => value),
      [
        2n,
        "é".repeat(300),
      ],
    );
    store.close();
  }
});

test("a KvStore stores values as the UTF-8 bytes of their JSON", async () => {
  const kv = await Deno.openKv(":memory:");
  await new KvStore(kv).set(["a"], { text: "Grüße 😀" });
  const { value } = await kv.get(["a"]);
  assert.deepEqual(value, new TextEncoder().encode('{"text":"Grüße 😀"}'));
  kv.close();
});

test("values of other programs read as undefined, with a versionstamp", async () => {
  const kv = await Deno.openKv(":memory:");
  const store = new KvStore(kv, { ownsKv: true });
  const strange = [
    null,
    "text",
    { value: 1 },
    new Uint8Array([0xff]),
    new Uint8Array(),
  ];
  for (const value of strange) {
    await kv.set(["a"], value);
    const [one] = await store.getMany([["a"]]);
    assert.equal(one!.value, undefined);
    assert.match(one!.versionstamp!, /^[0-9a-f]{20}$/);
    assert.deepEqual(await Array.fromAsync(store.list({ prefix: [] })), [one]);
  }
  store.close();
});

test("a KvStore checks its limits before it sends", async () => {
  const untouched = new Proxy({}, {
    get: () => assert.fail("nothing is sent"),
  }) as KvLike;
  const store = new KvStore(untouched, { limits: { checks: 2, value: 4 } });
  const checks = Array(3).fill({ key: ["a"], versionstamp: null });
  await assert.rejects(store.atomic().check(...checks).commit(), {
    name: "StoreLimitError",
    message: "Cannot commit: 'checks' must be at most 2, got 3. Split the commit",
  });
  await assert.rejects(store.set(["a"], "123"), StoreLimitError);
  await assert.rejects(store.set(["a"], () => {}), TypeError);
  await assert.rejects(store.getMany(Array(11).fill(["a"])), StoreLimitError);
});

test("a commit is retried while the file is locked", async () => {
  const kv = await Deno.openKv(":memory:");
  let locked = 3;
  const busy: KvLike = {
    get: (key) => kv.get(key),
    getMany: (keys) => kv.getMany(keys),
    list: (selector, options) => kv.list(selector, options),
    atomic: () => {
      if (locked-- > 0) {
        throw new Error("database is locked\n\nStack backtrace:");
      }
      return kv.atomic();
    },
    close: () => kv.close(),
  };
  const store = new KvStore(busy, { ownsKv: true });
  assert.ok((await store.atomic().sum(["a"], 1n).commit()).ok);
  assert.equal((await store.get(["a"])).value, 1n);
  assert.equal(locked, -1);
  store.close();
});

test("other errors are not retried, and lose their class and stack", async () => {
  const fault = new TypeError("fetch failed\n\nStack backtrace:");
  const store = new KvStore(
    { atomic: () => assert.fail(fault) } as unknown as KvLike,
  );
  await assert.rejects(store.set(["a"], 1), {
    name: "StoreError",
    message: "Cannot commit: Deno KV failed: fetch failed",
    cause: fault,
  });
});

test("a locked file is retried with jitter, for at most five seconds", async () => {
  let now = 0;
  const pauses: number[] = [];
  const clock = (random: number) => ({
    now: () => now,
    random: () => random,
    setTimer: (milliseconds: number, callback: () => void) => {
      pauses.push(milliseconds);
      now += milliseconds;
      callback();
      return () => {};
    },
  });
  const locked = () => Promise.reject(new Error("database is locked"));
  await assert.rejects(retryLocked(locked, clock(0)), /locked/);
  assert.deepEqual(pauses.slice(0, 4), [2.5, 5, 10, 20]);
  assert.deepEqual([Math.max(...pauses), now < 5000, now > 4800], [
    125,
    true,
    true,
  ]);
  [now, pauses.length] = [0, 0];
  await assert.rejects(retryLocked(locked, clock(1)), /locked/);
  assert.deepEqual(pauses.slice(0, 4), [7.5, 15, 30, 60]);
  assert.deepEqual([Math.max(...pauses), now < 5000], [375, true]);
});
