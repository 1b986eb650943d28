import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Store } from "@omniagent/hooks/store";
import { openStore } from "@omniagent/hooks/node";
import { testStore } from "@omniagent/hooks/testing";
import { inFolder, makeFolder } from "../support/folder.ts";
import { test } from "../support/harness.ts";

testStore(() => openStore(":memory:"), (name, run) => test(`openStore(":memory:"): ${name}`, run));

let remove: () => Promise<void>;
testStore(
  async () => {
    const made = await makeFolder();
    remove = made.remove;
    return await openStore(join(made.folder, "hooks.db"));
  },
  (name, run) => test(`openStore() of a file: ${name}`, () => run().finally(() => remove())),
);

test("a file keeps its values when it is opened again", () =>
  inFolder(async (folder) => {
    const path = join(folder, "hooks.db");
    const value = { text: "Grüße, 世界 😀 ".repeat(1000) };
    await use(path, async (store) => {
      await store.atomic().set(["a", 1], value).sum(["n"], 2n ** 63n).commit();
    });
    await use(path, async (store) => {
      assert.deepEqual((await store.get(["a", 1])).value, value);
      assert.equal((await store.get(["n"])).value, 2n ** 63n);
    });
  }));

test("two stores in memory are separate", () =>
  use(":memory:", async (one) => {
    await one.set(["a"], 1);
    await use(":memory:", async (other) => assert.equal((await other.get(["a"])).value, null));
  }));

test("openStore() accepts ten checks", () =>
  use(":memory:", (store) => Promise.resolve(assert.equal(store.limits.checks, 10))));

test("openStore() rejects a missing path", async () => {
  for (const [path, found] of [[undefined, "undefined"], ["", "an empty string"]] as const) {
    await assert.rejects(openStore(path as string), {
      name: "TypeError",
      message: `Cannot open the store: 'path' must be a file, ":memory:" or a URL, got ${found}`,
    });
  }
});

test("openStore() throws an error with a cause for a path that can't be opened", async () => {
  const path = join(tmpdir(), "hooks-none", "none", "hooks.db");
  await assert.rejects(openStore(path), (error: Error) => {
    assert.match(error.message, /^Cannot open the store: Deno KV failed: [^\n]+$/);
    return error.cause instanceof Error;
  });
});

async function use(path: string, work: (store: Store) => Promise<void>): Promise<void> {
  const store = await openStore(path);
  try {
    await work(store);
  } finally {
    store.close();
  }
}
