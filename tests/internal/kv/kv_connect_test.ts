/// <reference lib="deno.unstable" />
/**
 * Stores over KV Connect, by Deno's client and by the one of `@deno/kv`, and what they do when replies are
 * lost.
 * @module
 */
import assert from "node:assert/strict";
import type { Store } from "@omniagent/hooks/store";
import { openStore } from "@omniagent/hooks/kv";
import { testStore } from "@omniagent/hooks/testing";
import { test } from "../../support/harness.ts";
import { TOKEN } from "../../support/kv_connect/denokv.ts";
import {
  type Fault,
  type KvConnectOptions,
  startKvConnect,
} from "../../support/kv_connect/server.ts";
import { clients } from "../../support/kv_connect/clients.ts";

Deno.env.set("DENO_KV_ACCESS_TOKEN", TOKEN);

for (const [client, open] of Object.entries(clients)) {
  const opened = async () => {
    const server = startKvConnect();
    const store = await open(server.url);
    return { store, end: () => server.close() };
  };
  testStoreThatEnds(
    opened,
    (name, run) => test(`KV Connect, ${client}: ${name}`, run),
  );
}

/** `testStore`, for stores with something to end after them. */
function testStoreThatEnds(
  open: () => Promise<
    { readonly store: Store; readonly end: () => Promise<void> }
  >,
  register: (name: string, run: () => Promise<void>) => void,
): void {
  let end = () => Promise.resolve();
  const openNext = async () => {
    const opened = await open();
    end = opened.end;
    return opened.store;
  };
  testStore(
    openNext,
    (name, run) => register(name, () => run().finally(() => end())),
  );
}

async function withServer(
  options: KvConnectOptions,
  use: (
    store: Store,
    requests: Readonly<Record<"read" | "write", number>>,
  ) => Promise<void>,
  open: (url: string) => Promise<Store> = openStore,
): Promise<void> {
  const server = startKvConnect(options);
  const store = await open(server.url);
  try {
    await use(store, server.requests);
  } finally {
    store.close();
    await server.close();
  }
}

/** A fault of the first commit, and of no other. */
function first(fault: Fault): KvConnectOptions {
  return {
    fault: ({ kind, nth }) => kind === "write" && nth === 1 ? fault : undefined,
  };
}

/** One commit by Deno's client in a process of its own, and how often it was sent. */
async function commitOnce(options: KvConnectOptions, checked: "checked" | "unchecked") {
  const server = startKvConnect(options);
  try {
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "--unstable-kv", script, server.url, checked],
    }).output();
    const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    assert.match(error!, /^(KV Connect failed to call .*\n)+$/);
    return { ...JSON.parse(out!), writes: server.requests.write };
  } finally {
    await server.close();
  }
}

const script = new URL("commit_once.ts", import.meta.url).pathname;

test("over KV Connect, a commit whose reply was lost can return `ok: false` though it was applied", async () => {
  const result = await commitOnce(first("lost reply"), "checked");
  assert.deepEqual(result, { ok: false, value: "1", writes: 2 });
});

test("over KV Connect, a commit without a check is applied twice when its reply is lost", async () => {
  const result = await commitOnce(first("lost reply"), "unchecked");
  assert.deepEqual(result, { ok: true, value: "2", writes: 2 });
});

test("over KV Connect, the `fetch` of @deno/kv resends a commit when its connection is cut", () =>
  withServer(first("lost reply"), async (store, requests) => {
    assert.ok((await store.atomic().sum(["a"], 1n).commit()).ok);
    assert.equal((await store.get(["a"])).value, 2n);
    assert.equal(requests.write, 2);
  }, clients["@deno/kv's client"]));

test("over KV Connect, a commit that got a 503 is resent and applied once", async () => {
  const result = await commitOnce(first("unavailable"), "checked");
  assert.deepEqual(result, { ok: true, value: "1", writes: 2 });
});

test("over KV Connect, a delayed commit is applied when it arrives", async () => {
  const arrived = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const delay: KvConnectOptions = {
    async fault({ kind }) {
      if (kind === "read") return undefined;
      arrived.resolve();
      await released.promise;
      return undefined;
    },
  };
  await withServer(delay, async (store) => {
    const committed = store.set(["a"], 1);
    await arrived.promise;
    assert.equal((await store.get(["a"])).value, null);
    released.resolve();
    await committed;
    assert.equal((await store.get(["a"])).value, 1);
  });
});

for (const [client, open] of Object.entries(clients)) {
  test(`with ${client}, a reply that is cut off is an Error and not a TypeError: the commit was applied`, () =>
    withServer(first("broken reply"), async (store, requests) => {
      await assert.rejects(store.set(["a"], 1), (error: Error) => {
        assert.match(error.message, /^Cannot commit: Deno KV failed: /);
        assert.ok(error.cause instanceof Error);
        return !(error instanceof TypeError);
      });
      assert.equal((await store.get(["a"])).value, 1);
      assert.equal(requests.write, 1);
    }, open));
}

test("the server accepts ten checks, like denokv", async () => {
  const server = startKvConnect();
  const kv = await Deno.openKv(server.url);
  const commit = (count: number) => {
    const checks = Array.from({ length: count }, (_, i) => ({ key: [i], versionstamp: null }));
    return kv.atomic().check(...checks).commit();
  };
  assert.ok((await commit(10)).ok);
  await assert.rejects(commit(11), /11 checks/);
  kv.close();
  await server.close();
});

test("a rejected token is an error that says so", async () => {
  const server = startKvConnect({ token: "another" });
  await assert.rejects(
    openStore(server.url).then((store) => store.get(["a"])),
    /401/,
  );
  await server.close();
});
