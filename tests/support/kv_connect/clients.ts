/**
 * The clients of KV Connect on Deno.
 * @module
 */
import assert from "node:assert/strict";
import { openKv } from "@deno/kv";
import type { Store } from "@omniagent/hooks/store";
import { KvStore, openStore } from "@omniagent/hooks/kv";

/** How each opens the store of a server, with the token in `DENO_KV_ACCESS_TOKEN`. */
export const clients: Readonly<Record<string, (url: string) => Promise<Store>>> = {
  "Deno's client": (url) => openStore(url),
  "@deno/kv's client": async (url) => {
    const kv = await openKv(url, {
      implementation: "remote",
      encodeV8: () => assert.fail("a store writes bytes"),
      decodeV8: () => undefined,
      maxRetries: 0,
    });
    return new KvStore(kv, { ownsKv: true });
  },
};

/** The store when everything in it is deleted. */
export async function emptied(store: Store): Promise<Store> {
  for await (const { key } of store.list({ prefix: [] })) await store.delete(key);
  return store;
}
