/// <reference lib="deno.unstable" />
/**
 * Stores over a real denokv, by Deno's client and by the one of `@deno/kv`.
 * @module
 */
import assert from "node:assert/strict";
import { testStore } from "@omniagent/hooks/testing";
import { test } from "../../support/harness.ts";
import { denokvUrl, hasDenokv } from "../../support/kv_connect/denokv.ts";
import { clients, emptied } from "../../support/kv_connect/clients.ts";

if (hasDenokv("the store suite over a real denokv")) {
  const url = denokvUrl!;
  for (const [client, open] of Object.entries(clients)) {
    testStore(
      async () => await emptied(await open(url)),
      (name, run) => test(`denokv, ${client}: ${name}`, run),
    );
  }

  test("denokv accepts ten checks, and rejects eleven", async () => {
    const kv = await Deno.openKv(url);
    const commit = (count: number) => {
      const checks = Array.from(
        { length: count },
        (_, i) => ({ key: ["checked", i], versionstamp: null }),
      );
      return kv.atomic().check(...checks).commit();
    };
    try {
      assert.ok((await commit(10)).ok);
      await assert.rejects(commit(11));
    } finally {
      kv.close();
    }
  });
}
